"""`/status` and `/cache/stats` of several workers, as of one gateway. Pure.

Counts add up, also those of workers that have ended. What runs now adds up over living workers; of
a level or a length of time the highest one counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omen.front.operations.peers import Gathered

_HIGHEST = frozenset({"pressure", "lag_ms", "replicas", "outages", "ttl_seconds"})
"""Numbers that do not add up: the highest one counts."""


def merge_status(own: Mapping[str, Any], others: Gathered) -> dict[str, Any]:
    """Return the status parts of all workers as one; see `own_status`."""
    merged = dict(own)
    for part in others.answers:
        merged = merge_parts(merged, part)
    counts = others.ended.get("counts", {})
    for group in ("requests", "cache", "ledger"):
        if merged.get(group) is not None:
            merged[group] = _with_counts(merged[group], counts.get(group, {}))
    requests = merged["requests"]
    ended = sum(requests[name] for name in ("answered", "failed", "cancelled"))
    merged["requests"] = {**requests, "total": ended + requests["live"]}
    merged["cache"] = with_hit_rate(merged["cache"])
    if writer := others.supervisor.get("ledger"):
        merged["ledger"] = _of_writer(merged["ledger"], writer)
    return merged


def merge_parts(one: Any, other: Any) -> Any:
    """Return two parts of the same form as one."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = dict.fromkeys((*one, *other))
        return {name: _merge_values(name, one.get(name), other.get(name)) for name in names}
    return one if other is None else other


def with_hit_rate(cache: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cache's counts with the hit rate that follows from them."""
    looked = cache["hits"] + cache["misses"]
    return {**cache, "hit_rate": round(cache["hits"] / looked, 6) if looked else 0.0}


def _merge_values(name: str, one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, Mapping):
        return merge_parts(one, other)
    if isinstance(one, bool):
        return one or other
    if isinstance(one, int | float):
        return max(one, other) if name in _HIGHEST else one + other
    if isinstance(one, Sequence) and not isinstance(one, str):
        return [a + b for a, b in zip(one, other, strict=True)]
    return one


def _with_counts(group: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    return {**group, **{name: group.get(name, 0) + count for name, count in counts.items()}}


def _of_writer(workers: Mapping[str, Any], writer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ledger's figures: rows wait in every process, and one writes them."""
    added = ("rows_waiting", "rows_spooled", "rows_lost")
    return {
        **workers,
        "away": workers["away"] or writer["away"],
        **{name: workers[name] + writer[name] for name in added},
        "rows_written": writer["rows_written"],
        "rows_refused": writer["rows_refused"],
    }
