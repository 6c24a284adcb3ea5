"""The usage reports: their SQL, and what they return.

A report reads the attempts of its days, and for days whose rows were deleted the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "key": "key_id",
        "provider": "provider",
        "model": "model",
        "project": "project",
        "day": "day",
        "strategy": "strategy",
    }
)
"""The groups of a usage report, each with its column."""
_PREMIUM = "CASE WHEN outcome = 'won' THEN NULL ELSE cost_usd END"


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of one group. `premium_usd` is the cost of the attempts that did not win."""

    group: str | None
    requests: int
    attempts: int
    answers_from_cache: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    premium_usd: Decimal
    inexact_attempts: int
    """Attempts whose cost is estimated, a lower bound, or unknown."""


def usage_of_rows(column: str, sum_usd: str) -> str:
    """Return the SQL of a report on attempts, for a first and a last day."""
    return (
        f"SELECT {column}, COUNT(DISTINCT race_id), "
        "SUM(CASE WHEN outcome = 'denied' OR from_cache THEN 0 ELSE 1 END), "
        "SUM(CASE WHEN from_cache THEN 1 ELSE 0 END), "
        "SUM(COALESCE(prompt_tokens, 0)), SUM(COALESCE(completion_tokens, tokens)), "
        f"{sum_usd.format('cost_usd')}, "
        f"{sum_usd.format(_PREMIUM)}, "
        "SUM(CASE WHEN provenance = 'exact' THEN 0 ELSE 1 END) "
        "FROM attempts WHERE day >= ? AND day <= ? "
        "AND day NOT IN (SELECT day FROM archived_days) "
        f"GROUP BY {column}"
    )


def usage_of_archive(sum_usd: str) -> str:
    """Return the SQL of a report on archived days, for a dimension, a first and a last day."""
    return (
        "SELECT name, SUM(requests), SUM(attempts), SUM(from_cache), SUM(prompt_tokens), "
        "SUM(completion_tokens), "
        f"{sum_usd.format('cost_usd')}, {sum_usd.format('premium_usd')}, SUM(inexact) "
        "FROM archived_usage WHERE dimension = ? AND day >= ? AND day <= ? GROUP BY name"
    )


def merged_usage(rows: Iterable[Sequence[Any]]) -> list[Usage]:
    """Return the usage by descending cost. A group may have two rows, which are added."""
    groups: dict[str | None, Usage] = {}
    for row in rows:
        usage = _usage(row)
        before = groups.get(usage.group)
        groups[usage.group] = usage if before is None else _sum(before, usage)
    return sorted(
        groups.values(), key=lambda usage: (-usage.cost_usd, -usage.requests, usage.group or "")
    )


def _usage(row: Sequence[Any]) -> Usage:
    requests, attempts, from_cache, prompt, completion = map(int, row[1:6])
    return Usage(
        group=row[0],
        requests=requests,
        attempts=attempts,
        answers_from_cache=from_cache,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=_usd(row[6]),
        premium_usd=_usd(row[7]),
        inexact_attempts=int(row[8]),
    )


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        group=one.group,
        requests=one.requests + other.requests,
        attempts=one.attempts + other.attempts,
        answers_from_cache=one.answers_from_cache + other.answers_from_cache,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cost_usd=one.cost_usd + other.cost_usd,
        premium_usd=one.premium_usd + other.premium_usd,
        inexact_attempts=one.inexact_attempts + other.inexact_attempts,
    )


def _usd(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))
