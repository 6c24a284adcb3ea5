"""When an upstream wants to be asked again.

The `x-ratelimit-reset-*` and `anthropic-ratelimit-*-reset` headers are not read here: they say when
a bucket is full again, which is later than when the next request would pass (`_rate_limits.py`).

**Source.** RFC 9110 section 10.2.3 for `Retry-After`; OpenAI's and Azure's error pages for
`retry-after-ms` and the sentences, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
# "Please try again in 210ms", "try again in 1m3.21s", "Please retry after 7 seconds"
_SENTENCE = re.compile(
    r"(?:try again in|retry after|retry in)\s+(?P<wait>\d[\w.]*(?:\s+[a-z]+)?)", re.I
)
_STEP = re.compile(r"(?P<amount>\d{1,9}(?:\.\d{1,9})?)\s*(?P<unit>[a-z]+)", re.I | re.ASCII)
_SECONDS_PER_UNIT = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
}


def retry_after(
    headers: Mapping[str, str], text: str | None, delay: str | None = None
) -> float | None:
    """Return how long the upstream asked to be left alone, in seconds; None when it did not.

    `retry-after-ms` wins over `retry-after`, a header over the `delay` that the error has in a
    field of its own, and that over a sentence in the message.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is not None:
        seconds = _number(value)
        return seconds if seconds is not None else _seconds_until(value, headers.get("date"))
    spoken = _steps(delay) if delay else None
    return spoken if spoken is not None or not text else _spoken(text)


def _number(value: str | None) -> float | None:
    number = _NUMBER.fullmatch(value.strip()) if value is not None else None
    return float(number[0]) if number else None


def _seconds_until(value: str, date: str | None) -> float | None:
    """Count from the answer's own `Date`: the upstream's clock need not be ours."""
    then = http_date(value)
    if then is None:
        return None
    now = http_date(date) if date else None
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())


def http_date(value: str) -> datetime | None:
    """Read a date as HTTP writes it; None for what is none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _spoken(text: str) -> float | None:
    sentence = _SENTENCE.search(text)
    if sentence is None:
        return None
    return _steps(sentence["wait"])


def _steps(wait: str) -> float | None:
    """Add up a duration in words: `1m3.21s`, `7 seconds`."""
    steps = [(float(step["amount"]), step["unit"].lower()) for step in _STEP.finditer(wait)]
    if not steps or any(unit not in _SECONDS_PER_UNIT for _, unit in steps):
        return None
    return sum(amount * _SECONDS_PER_UNIT[unit] for amount, unit in steps)
