"""What is left of a rate limit, from the headers of an answer, a good one or not.

No two vendors tell alike: OpenAI resets in `1m3.21s`, Azure in plain seconds, Anthropic at a time.
Their headers have different names, so one reader serves them all. xAI has been seen with OpenAI's;
Ollama has none.

**Source.** platform.openai.com/docs/guides/rate-limits, docs.anthropic.com/en/api/rate-limits,
Azure's answers as observed, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf

from omen.core.frames import RateLimits
from omen.providers.shared.retry_after import http_date

_Names = tuple[tuple[str, str], ...]
"""Of each limit, the header with what is left and the one with when it is reset."""

_REQUESTS: _Names = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
)
_TOKENS: _Names = (
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining-project-tokens", "x-ratelimit-reset-project-tokens"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)

_COUNT = re.compile(r"\d{1,15}", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_GO_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s|us|\u00b5s|ns))+", re.ASCII)
_GO_STEP = re.compile(r"([\d.]+)(\D+)", re.ASCII)
_GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "\u00b5s": 1e-6, "ns": 1e-9}


def read_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Read what an answer says of limits; None when it says nothing. Names are lower case.

    What cannot be understood is as good as unsaid: nothing depends on it but a better guess.
    """
    requests, requests_reset = _tightest(_REQUESTS, headers)
    tokens, tokens_reset = _tightest(_TOKENS, headers)
    said = RateLimits(requests, tokens, requests_reset, tokens_reset)
    return None if said == _UNSAID else said


_UNSAID = RateLimits()


def _tightest(names: _Names, headers: Mapping[str, str]) -> tuple[int | None, float | None]:
    limits = [
        (_count(headers.get(remaining)), _seconds(headers.get(reset), headers.get("date")))
        for remaining, reset in names
        if remaining in headers or reset in headers
    ]
    return min(limits, key=_order, default=(None, None))


def _order(limit: tuple[int | None, float | None]) -> tuple[float, float]:
    """The least left first, and of equals the one that stays so for longer."""
    remaining, reset = limit
    return (inf if remaining is None else remaining, -(reset or 0.0))


def _count(value: str | None) -> int | None:
    # Strip once: `str.strip` takes off control characters that `int` does not forgive.
    text = "" if value is None else value.strip()
    return int(text) if _COUNT.fullmatch(text) else None


def _seconds(value: str | None, date: str | None) -> float | None:
    """Read a duration, or count to a time from the answer's own `Date`: clocks differ."""
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    if _GO_DURATION.fullmatch(text):
        return sum(float(amount) * _GO_UNITS[unit] for amount, unit in _GO_STEP.findall(text))
    return _seconds_until(text, date)


def _seconds_until(text: str, date: str | None) -> float | None:
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    now = http_date(date) if date else None
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())
