"""`GET /omen/races` and `/omen/races/{id}`: what happened in the races of late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.race_report import dollars, explain, milliseconds
from omen.front.operations.queries import check_names, read_limit, read_text
from omen.telemetry import RaceLog


def list_races(
    log: RaceLog, args: Mapping[str, str], others: Iterable[list[Any]] = ()
) -> dict[str, Any]:
    """List races, the latest first. **Raises.** `RequestError` 400 for a wrong parameter.

    `others` are the lists of other workers.
    """
    check_names(args, ("limit", "request_id"))
    wanted, limit = read_text(args, "request_id"), read_limit(args)
    races = (race for race in log if wanted is None or race.request_id == wanted)
    found = [_summary(race) for race in islice(races, limit)]
    for theirs in others:
        found = sorted([*found, *theirs], key=lambda race: -race["accepted_unix"])[:limit]
    return {"object": "list", "data": found}


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
        "rescues": race.rescues,
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
