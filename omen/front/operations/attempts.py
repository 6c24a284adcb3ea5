"""`GET /omen/attempts`: what runs at this moment, and how long cancelling took so far."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import trio

from omen.core.records import AttemptRecord, RaceRecord
from omen.gateway import Gateway
from omen.race.attempts import state_of
from omen.telemetry import CancelTimes, Times

_PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9}


def describe_attempts(gateway: Gateway, others: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """List every live attempt, oldest first, and how long cancelling took so far.

    `others` are the parts of other workers; see `own_attempts`.
    """
    parts = [own_attempts(gateway), *others]
    sockets = [part["upstream_sockets"] for part in parts if part["upstream_sockets"] is not None]
    attempts = [attempt for part in parts for attempt in part["attempts"]]
    cancel_times = CancelTimes()
    for part in parts:
        cancel_times.add(part["cancel"])
    times = cancel_times.by_reason(tuple(_PERCENTILES.values()))
    sums = {name: sum(part[name] for part in sockets) for name in sockets[0]} if sockets else None
    return {
        "now_unix": round(time.time(), 6),
        "attempts_live": len(attempts),
        "upstream_sockets": sums,
        "attempts": sorted(attempts, key=lambda attempt: -attempt["age_ms"]),
        "cancel": {reason: _times(told) for reason, told in times.items() if told.count},
    }


def own_attempts(gateway: Gateway) -> dict[str, Any]:
    """Return the part of this process, in a form that adds up with that of others."""
    sockets = gateway.upstream_sockets
    return {
        "upstream_sockets": None if sockets is None else asdict(sockets),
        "attempts": [_attempt(*live) for live in gateway.attempts.live.items()],
        "cancel": gateway.cancel_times.export(),
    }


def _attempt(record: AttemptRecord, race: RaceRecord) -> dict[str, Any]:
    return {
        "race_id": race.race_id,
        "request_id": race.request_id,
        "strategy": race.plan.strategy,
        "attempt": record.index,
        "provider": record.candidate.provider,
        "model": record.candidate.model,
        "state": state_of(race, record),
        "age_ms": _ms(trio.current_time() - record.started_at),
        "tokens": record.tokens,
    }


def _times(told: Times) -> dict[str, Any]:
    percentiles = {name: _ms(told.percentiles[percent]) for name, percent in _PERCENTILES.items()}
    return {"count": told.count, **percentiles, "max_ms": _ms(told.longest)}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
