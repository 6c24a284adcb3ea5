"""`GET /omen/attempts`: what runs at this moment, and how long cancelling took so far."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import trio

from omen.core.records import AttemptRecord, RaceRecord
from omen.gateway import Gateway
from omen.race.attempts import state_of
from omen.telemetry import Times

_PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9}


def describe_attempts(gateway: Gateway) -> dict[str, Any]:
    """List every live attempt, oldest first, and how long cancelling took so far."""
    sockets = gateway.upstream_sockets
    times = gateway.cancel_times.by_reason(tuple(_PERCENTILES.values()))
    return {
        "now_unix": round(time.time(), 6),
        "attempts_live": len(gateway.attempts.live),
        "upstream_sockets": None if sockets is None else asdict(sockets),
        "attempts": [_attempt(*live) for live in gateway.attempts.live.items()],
        "cancel": {reason: _times(told) for reason, told in times.items() if told.count},
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
