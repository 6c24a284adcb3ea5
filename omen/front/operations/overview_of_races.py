"""The races of the overview: those that run and the latest that ended, as lanes; and failures.

A lane has the times of one attempt. Reasons are kinds of failures, never an upstream's words.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.race_report import dollars, milliseconds
from omen.gateway import Gateway
from omen.ledger.entries import reason_of
from omen.routing import hint_of
from omen.telemetry import RecentFailure

MOST_RUNNING, MOST_RACES, MOST_LANES = 12, 24, 16
MOST_FAILURES = 12
_DEADLINES = {
    "max_latency": "no attempt was useful in the caller's time: more candidates, or more time",
    "total_timeout": "the request's total_timeout_ms or [server] timeout_seconds has passed",
}


def describe_races(gateway: Gateway) -> list[dict[str, Any]]:
    """Return races as lanes: first those that run, then those that ended, the latest first."""
    running = {race.race_id: race for race in gateway.attempts.live.values()}
    shown = list(islice(reversed(running.values()), MOST_RUNNING))
    ended = (race for race in gateway.races if race.race_id not in running)
    return [_race(race) for race in islice(chain(shown, ended), MOST_RACES)]


def describe_failures(failures: Iterable[RecentFailure]) -> list[dict[str, Any]]:
    """Return the latest kinds of failures, with what an operator can do about each."""
    return [
        {
            "at_unix": round(failure.at_unix, 3),
            "provider": failure.provider,
            "model": failure.model,
            "reason": failure.reason,
            "upstream_status": failure.upstream_status,
            "hint": _hint(failure),
            "count": failure.count,
            "race_id": failure.race_id,
            "request_id": failure.request_id,
        }
        for failure in islice(failures, MOST_FAILURES)
    ]


def _hint(failure: RecentFailure) -> str | None:
    if failure.failure is not None:
        return hint_of(failure.failure)
    return _DEADLINES.get(failure.reason)


def _race(race: RaceRecord) -> dict[str, Any]:
    winner = race.winner
    return {
        "race_id": race.race_id,
        "request_id": race.request_id,
        "accepted_unix": round(race.accepted_unix, 6),
        "strategy": race.plan.strategy,
        "model": race.model,
        "state": "running" if race.ended_at is None else "ended",
        "winner": winner.index if winner else None,
        "ended_ms": milliseconds(race.accepted_at, race.ended_at),
        "cost_usd": dollars(race.final_cost_usd),
        "premium_usd": dollars(race.premium_usd),
        "attempts": [_lane(race, attempt) for attempt in race.attempts[:MOST_LANES]],
    }


def _lane(race: RaceRecord, attempt: AttemptRecord) -> dict[str, Any]:
    times = {
        "started_ms": attempt.started_at,
        "first_token_ms": attempt.first_token_at,
        "committed_ms": attempt.committed_at,
        "ended_ms": attempt.ended_at,
    }
    return {
        "attempt": attempt.index,
        "name": attempt.candidate.name,
        "role": attempt.role,
        "outcome": attempt.outcome,
        "reason": reason_of(attempt),
        "tokens": attempt.tokens,
        **{name: milliseconds(race.accepted_at, at) for name, at in times.items()},
    }
