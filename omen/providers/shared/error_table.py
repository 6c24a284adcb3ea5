"""How a dialect tells one kind of failure from another, as a table.

What an upstream says is asked in this order: a sentence that decides (xAI answers a wrong key with
a 400), a code that says more than the status, the status, and last the words that stand in for a
status where there is none, inside a stream.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from omen.core.errors import FailureKind
from omen.providers.shared.error_body import ErrorReport

STATUSES: Mapping[int, FailureKind] = MappingProxyType(
    {
        400: FailureKind.INVALID_REQUEST,
        401: FailureKind.UPSTREAM_AUTH,
        402: FailureKind.QUOTA,
        403: FailureKind.UPSTREAM_AUTH,
        404: FailureKind.NOT_FOUND,
        # Method and content type are never the caller's doing: this is not the API we think.
        405: FailureKind.UPSTREAM_MISCONFIGURED,
        408: FailureKind.TIMEOUT,
        409: FailureKind.TIMEOUT,
        413: FailureKind.TOO_LARGE,
        415: FailureKind.UPSTREAM_MISCONFIGURED,
        422: FailureKind.INVALID_REQUEST,
        424: FailureKind.SERVER_ERROR,
        429: FailureKind.RATE_LIMIT,
        499: FailureKind.CONNECTION,
        503: FailureKind.OVERLOADED,
        504: FailureKind.TIMEOUT,
        524: FailureKind.TIMEOUT,
        529: FailureKind.OVERLOADED,
    }
)
"""The statuses every HTTP API means alike. The rest goes by its first digit, `_by_digit`."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """A sentence that decides the kind, when the status is one of `statuses`.

    Inside a stream there is no status, and every rule may match.
    """

    kind: FailureKind
    pattern: re.Pattern[str]
    statuses: frozenset[int]

    def matches(self, status: int | None, text: str) -> bool:
        """Say whether this rule decides."""
        return (status is None or status in self.statuses) and bool(self.pattern.search(text))


def text_rule(kind: FailureKind, pattern: str, *statuses: int) -> TextRule:
    """Make a rule; case does not matter."""
    return TextRule(kind, re.compile(pattern, re.IGNORECASE), frozenset(statuses))


ACCOUNT_REFUSED = text_rule(
    FailureKind.UPSTREAM_AUTH,
    r"(?:incorrect|invalid|expired|unknown) (?:x-)?api[ _-]?key"
    r"|api[ _-]?key (?:is |was |has )?(?:not valid|not found|invalid|expired|revoked|disabled)"
    r"|(?:organi[sz]ation|account|project|workspace|subscription|consumer)\b.{0,80}?"
    r" (?:has been|have been|is|was) (?:temporarily |currently )?"
    r"(?:disabled|deactivated|suspended|blocked|banned|closed|inactive)"
    r"|(?:country|region|location|territory)\b.{0,40}? (?:is |are )?not (?:supported|available)"
    r"|not available in your (?:country|region|location)",
    400,
    401,
    403,
)
"""The gateway's own account is refused, with a 400 as well (Gemini, Anthropic, xAI). Nothing that
the caller sent is at fault, so another candidate may help."""

NO_SUCH_MODEL = text_rule(
    FailureKind.NOT_FOUND,
    r"\bmodels?\b.{0,200}? (?:does not exist|not exist|is not found|not found|"
    r"has been decommissioned|has been deprecated|is not a valid model)"
    r"|is not a valid model|(?:invalid|unknown|no such) model(?: name| id|:|$)"
    r"|model identifier is invalid",
    400,
    404,
    422,
)
"""The server does not have the model, and says so with a 400 (llama.cpp's router, LiteLLM, Groq,
Mistral, DeepSeek, OpenRouter, Bedrock)."""
MODEL_REFUSALS = (
    # What the caller wants is fine, only not here: another candidate can do it.
    text_rule(
        FailureKind.UNSUPPORTED,
        r"(?:does|do|did) not support|not supported|unsupported (?:parameter|value|field|model)"
        r"|is unsupported|only support(?:s|ed)|cannot both be specified|(?:is|are) deprecated for"
        r"|(?:incompatible|unrecognized) request argument|unknown (?:parameter|variant|field)"
        r"|extra_forbidden"
        r"|extra (?:inputs|fields) (?:are )?not permitted|max_tokens is too large"
        r"|supports at most|maximum allowed number of output tokens|must be verified"
        r"|no endpoints found that support|not (?:available|enabled) for (?:this|the) model"
        r"|failed to (?:parse|initialize|compile)[\w ]* (?:grammar|template|schema|samplers)",
        400,
        404,
        422,
        500,
        501,
    ),
)
"""A model, or a server, that refuses one part of a request in words.

**Source.** The errors of OpenAI, Azure, Anthropic, xAI, Groq, Mistral, vLLM and llama.cpp, which
answers some of them with a 500 or a 501, read 2026-11-30."""
TOO_LONG = (
    r"maximum (?:context|prompt|sequence|input) length|context (?:window|length|size|limit)"
    r"|prompt is too long|(?:input|prompt) (?:is )?too (?:long|large)|too many (?:input )?tokens"
    r"|input token count|reduce the length of (?:the|your) (?:messages|prompt|input)"
    r"|too large to process|longer than the (?:model|maximum)"
    r"|exceeds? the (?:available|maximum) (?:context|number of tokens)"
)
"""A prompt that does not fit, in the words of many servers."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """One dialect's table. A variant of it is another table.

    `codes` override the status, `words` replace a missing one; both are lower case, with hyphens
    for spaces. `request_ids` are headers, the best first.
    """

    texts: tuple[TextRule, ...] = ()
    codes: Mapping[str, FailureKind] = field(default_factory=dict)
    words: Mapping[str, FailureKind] = field(default_factory=dict)
    statuses: Mapping[int, FailureKind] = field(default_factory=lambda: STATUSES)
    request_ids: tuple[str, ...] = ()

    def kind(self, status: int | None, report: ErrorReport) -> FailureKind:
        """Say what kind of failure this is; `status` is None inside a stream.

        A 200 that holds an error says as little as a stream's does.
        """
        if status is not None and status < 300:
            status = None
        for rule in self.texts:
            if report.message and rule.matches(status, report.message):
                return rule.kind
        said = [_normal(word) for word in (report.code, report.type) if word]
        for word in said:
            if word in self.codes:
                return self.codes[word]
        status = status or report.status
        if status is not None:
            return self.statuses.get(status) or _by_digit(status)
        return next((self.words[word] for word in said if word in self.words), _DEFAULT)


_DEFAULT = FailureKind.SERVER_ERROR


def _by_digit(status: int) -> FailureKind:
    """A redirect means a wrong address: a POST with a key in it is not sent elsewhere."""
    if status < 400:
        return FailureKind.UPSTREAM_MISCONFIGURED
    return FailureKind.INVALID_REQUEST if status < 500 else _DEFAULT


def _normal(word: str) -> str:
    return word.strip().lower().replace(" ", "-")
