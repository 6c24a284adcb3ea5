"""`GET /omen/races` and `/omen/races/{id}`: what happened in the races of late."""

from __future__ import annotations

from typing import Any

from omen.core.errors import RequestError
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.race_report import dollars, explain, milliseconds
from omen.telemetry import RaceLog

_USUAL, _MOST = 50, 500


def list_races(log: RaceLog, limit: str | None) -> dict[str, Any]:
    """List races, the latest first. **Raises.** `RequestError` (400) for a limit that is none."""
    races = [race for race, _ in zip(log, range(_wanted(limit)), strict=False)]
    return {"object": "list", "data": [_summary(race) for race in races]}


def _wanted(limit: str | None) -> int:
    if limit is None:
        return _USUAL
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= _MOST):
        raise RequestError(f"limit: must be a whole number from 1 to {_MOST}", param="limit")
    return int(limit)


def describe_race(race: RaceRecord) -> dict[str, Any]:
    """Tell one race whole: what `explain` says, and a timeline of its moments."""
    moments = [moment for attempt in race.attempts for moment in _moments(race, attempt)]
    return {
        **_summary(race),
        **explain(race),
        "candidates": [candidate.name for candidate in race.plan.candidates],
        "timeline": sorted(moments, key=lambda moment: moment["t_ms"]),
    }


def _summary(race: RaceRecord) -> dict[str, Any]:
    return {
        "race_id": race.race_id,
        "request_id": race.request_id,
        "accepted_unix": round(race.accepted_unix, 6),
        "strategy": race.plan.strategy,
        "state": "running" if race.ended_at is None else "ended",
        "winner": race.winner.candidate.name if race.winner else None,
        "committed_ms": milliseconds(
            race.accepted_at, race.winner.committed_at if race.winner else None
        ),
        "ended_ms": milliseconds(race.accepted_at, race.ended_at),
        "attempts": len(race.attempts),
        "restarts": race.restarts,
        "cost_usd": dollars(race.final_cost_usd),
        "race_premium_usd": dollars(race.premium_usd),
    }


def _moments(race: RaceRecord, attempt: AttemptRecord) -> list[dict[str, Any]]:
    denied = attempt.outcome == "denied"
    times = {
        "denied" if denied else "started": attempt.started_at,
        "responded": attempt.responded_at,
        "first_token": attempt.first_token_at,
        "committed": attempt.committed_at,
        attempt.outcome: None if denied else attempt.ended_at,
    }
    return [
        {
            "t_ms": milliseconds(race.accepted_at, at),
            "attempt": attempt.index,
            "name": attempt.candidate.name,
            "moment": moment,
        }
        for moment, at in times.items()
        if at is not None
    ]
