"""What the servers that speak chat completions differ in, whichever model they serve.

The strict ones refuse a whole request for one field that is not in their schema. What is known of
one is a row here; what is not is learnt from its first refusal (`omen.race.attempts`), or
configured (`[providers.NAME.quirks]`).

**Source.** Each row names its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from omen.core.candidates import Quirks

ReasoningBack = Literal["with_calls", "always", "never"]


@dataclass(frozen=True, slots=True)
class ServerTraits:
    """How one server wants to be asked."""

    developer_role: bool = True
    reasoning_back: ReasoningBack = "never"
    """With which of the assistant's messages visible reasoning comes back."""
    vendor_fields: bool = False
    """Whether fields that only some vendors know go through: signatures of calls, details of
    reasoning."""
    cache_control: bool = False
    """Whether parts of a prompt may be marked for a cache in Anthropic's words."""
    schema_in_json_object: bool = False
    """Whether a schema may stand in a `json_object` format, which is llama.cpp's way."""
    longest_user: int = 64
    """Characters of `user` and `safety_identifier`."""
    most_stops: int | None = 4
    longest_call_id: int | None = 40
    call_id_alphabet: Literal["any", "nine_alphanumerics"] = "any"
    most_temperature: float | None = 2.0


OPENAI_SERVER = ServerTraits()
"""OpenAI's own limits, which Azure has, too.

**Source.** OpenAI's API reference and its errors `string_above_max_length`, 2026-11-30."""

_COMPATIBLE = ServerTraits(
    developer_role=False,
    reasoning_back="with_calls",
    vendor_fields=True,
    cache_control=True,
    schema_in_json_object=True,
    longest_user=128,
    most_stops=None,
    longest_call_id=None,
    most_temperature=None,
)
"""A server of which nothing is known: it knows `system`, and passes over what it does not know."""
_STRICT = replace(_COMPATIBLE, reasoning_back="never", vendor_fields=False, cache_control=False)

SERVERS: Mapping[str, tuple[ServerTraits, str]] = MappingProxyType(
    {
        "api.groq.com": (_STRICT, "its errors `property … is unsupported`, 2026-11-30"),
        "api.cerebras.ai": (_STRICT, "its errors `extra_forbidden`, 2026-11-30"),
        "api.mistral.ai": (
            replace(_STRICT, call_id_alphabet="nine_alphanumerics"),
            "its errors `extra_forbidden` and `Tool call id was …`, 2026-11-30",
        ),
        "api.deepseek.com": (
            replace(_COMPATIBLE, cache_control=False),
            "api-docs.deepseek.com (thinking mode, tool calls), 2026-11-30",
        ),
        "generativelanguage.googleapis.com": (
            replace(_COMPATIBLE, reasoning_back="never", cache_control=False),
            "ai.google.dev/gemini-api/docs/openai and /thought-signatures, 2026-11-30",
        ),
        "openrouter.ai": (
            replace(_COMPATIBLE, reasoning_back="always"),
            "openrouter.ai/docs (reasoning tokens, prompt caching), 2026-11-30",
        ),
    }
)
"""By the name of the host, or the end of it behind a dot."""


@lru_cache(maxsize=256)
def compatible_server(base_url: str) -> ServerTraits:
    """Return what is known of the server at an address."""
    host = urlsplit(base_url).hostname or ""
    for name, (traits, _) in SERVERS.items():
        if host == name or host.endswith("." + name):
            return traits
    return _COMPATIBLE


def with_quirks(server: ServerTraits, quirks: Quirks) -> ServerTraits:
    """Return the traits of a server where its operator knows better."""
    changed = {
        "developer_role": quirks.developer_role,
        "reasoning_back": quirks.reasoning_back,
        "vendor_fields": quirks.vendor_fields,
        "cache_control": quirks.cache_control,
    }
    said = {name: value for name, value in changed.items() if value is not None}
    return replace(server, **said) if said else server  # type: ignore[arg-type]
