"""Fields of a request that an upstream refuses by name, and the quirks that leave them out. Pure.

A vendor refuses a whole request for one field that its schema or its model lacks, and names the
field. A field that only colours the answer, or that only carries something along, is not worth the
answer. Its refusal is evidence about the upstream and no fault of the caller, who wrote for any
upstream.

**Source.** The errors of OpenAI, Azure, Anthropic, Groq, Mistral, Cerebras, DeepSeek, vLLM
(FastAPI) and llama.cpp, read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from omen.core.candidates import Quirks
from omen.core.chat import REASONING_FIELDS
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.json_reading import read_json

_REFUSAL = re.compile(
    r"unsupported|not supported|incompatible|(?:does|do) not support|unrecognized|unexpected"
    r"|unknown (?:parameter|argument|field|name|key|variant)|extra (?:inputs|fields)"
    r"|extra_forbidden|not permitted|not allowed|not available|deprecated|must be verified"
    r"|cannot both be specified|string too long|no longer",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"""['"`]([A-Za-z_][\w.\[\]-]*)['"`]"""
    r"|\b([a-z_]+(?:\.[\w\[\]-]+)+)\b"
    r"|supplied:\s+([a-z_]+)\b"
    r"|(?:argument|parameter|field):?\s+(?!supplied)([A-Za-z_]+)\b"
    r"|^([a-z_]+)\b(?= (?:is|are|does|and)\b)"
)
"""A name in quotes, a path, a name behind a noun, or the first word."""
_ONE_VALUE = re.compile(
    r"unsupported value|supported values|does not support '|invalid value", re.I
)

_NEEDED = frozenset(
    {"model", "messages", "input", "instructions", "system", "tools", "tool_choice", "functions"}
    | {"response_format", "text", "format", "output_config", "logprobs", "top_logprobs", "n"}
    | {"max_tokens", "max_completion_tokens", "max_output_tokens", "store", "include", "think"}
    | {"modalities", "audio", "stream"}
)
"""Fields without which the answer would be another one than the caller wants."""
_VENDOR_FIELDS = frozenset(
    {"reasoning_details", "extra_content", "provider_specific_fields", "thought_signature"}
    | {"thinking_blocks", "images"}
)
_BY_VALUE = frozenset({"reasoning_effort", "verbosity", "service_tier", "reasoning"})
"""Fields of which a model refuses one value and takes another."""
_WORTH_LEAST = ("top_p",)
"""Of two fields that exclude each other, these go."""


def is_refusal(failure: UpstreamFailure) -> bool:
    """Return whether an upstream has refused a request for what is in it."""
    refused = failure.kind in (FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED)
    return refused and failure.upstream_status in (400, 404, 422)


def names_a_value(failure: UpstreamFailure) -> bool:
    """Return whether only one value of a field was refused: nothing to remember."""
    named = _ONE_VALUE.search(failure.message) is not None
    return named and not _BY_VALUE.isdisjoint(_names(failure))


def quirks_after(failure: UpstreamFailure, quirks: Quirks, body: bytes) -> Quirks | None:
    """Return quirks that leave out, or rename, the field that was refused; None if there is none.

    `body` is the request that was refused.
    """
    if not is_refusal(failure) or not (failure.param or _REFUSAL.search(failure.message)):
        return None
    try:
        sent = read_json(body)
    except ValueError:
        return None
    if not isinstance(sent, dict) or (failure.param and not _REFUSAL.search(failure.message)):
        return None
    names = sorted(_names(failure), key=lambda name: name not in _WORTH_LEAST)
    changed = (_without(name, failure.message, quirks, sent, body) for name in names)
    return next((one for one in changed if one is not None and one != quirks), None)


def _names(failure: UpstreamFailure) -> list[str]:
    """Return the names of fields that a refusal mentions, the error's own parameter first."""
    return list(dict.fromkeys(_words(failure)))


def _words(failure: UpstreamFailure) -> Iterator[str]:
    paths = [failure.param] if failure.param else []
    paths += ["".join(groups) for groups in _NAMED.findall(failure.message)]
    for path in paths:
        words = [_snake(word) for word in re.split(r"[.\[\]]+", path) if word not in ("", "body")]
        # Of a path in a message its last part is refused, of any other its first.
        yield from (words[-1:] if words[:1] == ["messages"] else words[:1])


def _snake(word: str) -> str:
    """Return a name as it is written on the wire; xAI's errors write it in camel case."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", word).lower()


def _without(
    name: str, message: str, quirks: Quirks, sent: dict[str, object], body: bytes
) -> Quirks | None:
    match name:
        case "max_tokens" if name in sent and "max_completion_tokens" in message:
            return replace(quirks, token_limit="max_completion_tokens")
        case "max_completion_tokens" if name in sent:
            return replace(quirks, token_limit="max_tokens")
        case "stream" if sent.get(name):
            return replace(quirks, stream=False)
        case "stream_options" if name in sent:
            return replace(quirks, stream_usage=False)
        case "developer" if b'"developer"' in body:
            return replace(quirks, developer_role=False)
    if name in sent:
        return None if name in _NEEDED else replace(quirks, drop=quirks.drop | {name})
    if f'"{name}":'.encode() not in body:
        return None
    if name in REASONING_FIELDS:
        return replace(quirks, reasoning_back="never")
    if name in _VENDOR_FIELDS:
        return replace(quirks, vendor_fields=False)
    return replace(quirks, cache_control=False) if name == "cache_control" else None
