"""The log lines of requests and of attempts. They contain nothing of a prompt or an answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.core.requests import RequestRecord
from omen.ledger.entries import reason_of
from omen.telemetry._escaping import log_together

logger = logging.getLogger("omen.telemetry")
requests_logger = logging.getLogger("omen.requests")

LONGEST_NAME = 100
"""Characters of a name that a caller or an upstream chose."""
_PROBES = frozenset(
    {"/health", "/ready", "/metrics", "/omen/overview", "/grpc.health.v1.Health/Check"}
)
"""Routes that machines ask every few seconds."""
_FAILED = frozenset({"failed", "timed_out", "denied"})


def log_attempts(moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
    """Log one line for each attempt that has ended, without any content of it."""
    if moment == "ended":
        kind = f" ({attempt.failure.kind.value})" if attempt.failure else ""
        logger.info(
            "race %s attempt %d %s: %s%s after %.0f ms, %d tokens",
            race.race_id,
            attempt.index,
            attempt.candidate.name,
            attempt.outcome,
            kind,
            (trio.current_time() - attempt.started_at) * 1000,
            attempt.tokens,
        )


def log_requests(records: Iterable[RequestRecord]) -> None:
    """Log the one line of each request: a warning if it failed, on `debug` an answered probe."""
    log_together(requests_logger, [line for line in map(_line, records) if line is not None])


def _line(record: RequestRecord) -> logging.LogRecord | None:
    """Return the line of a request; None if the level says that there is none."""
    result = record.result
    level = logging.WARNING if result in ("failed", "shutdown") else logging.INFO
    if record.path in _PROBES and result == "answered":
        level = logging.DEBUG
    if not requests_logger.isEnabledFor(level):
        return None
    # Made here, because `Logger.log` would search the stack for its caller.
    line = logging.LogRecord(requests_logger.name, level, "", 0, "request", None, None)
    line.fields = request_fields(record)
    line.created = record.accepted_unix + _duration(record)
    line.msecs = int(line.created % 1 * 1000) + 0.0
    return line


def request_fields(record: RequestRecord) -> dict[str, Any]:
    """Return the fields of a request's line, always the same ones. **Units.** As named; US dollars.

    `ttft_ms` is what `x-omen-ttft-ms` says; `commit_ms` is the time from the acceptance of the
    request to the commit, so to the first byte of the answer.
    """
    caller = record.caller
    return {
        "request_id": record.request_id or None,
        "race_id": record.race.race_id if record.race else None,
        "key": _clipped(caller.name or caller.key_id) if caller else None,
        "door": record.door,
        "method": _clipped(record.method),
        "path": _clipped(record.path),
        "model": _clipped(record.model),
        "strategy": record.race.plan.strategy if record.race else None,
        "status": record.status,
        "result": record.result,
        "error": record.error_code,
        **_race_fields(record.race),
        "duration_ms": round(_duration(record) * 1000, 3),
    }


def _duration(record: RequestRecord) -> float:
    return 0.0 if record.ended_at is None else record.ended_at - record.accepted_at


def _race_fields(race: RaceRecord | None) -> dict[str, Any]:
    if race is None:
        names = ("winner", "attempts", "ttft_ms", "commit_ms", "tokens_in", "tokens_out")
        return {**dict.fromkeys((*names, "cost_usd")), "reasons": ()}
    winner = race.winner
    costs = [(attempt, attempt.cost) for attempt in race.attempts]
    known = [cost.usd for _, cost in costs if cost.usd is not None]
    started = sum(a.outcome != "denied" and a.role != "cache" for a in race.attempts)
    return {
        "winner": _clipped(winner.candidate.name) if winner else None,
        "attempts": started,
        "ttft_ms": _ms(winner.started_at, winner.first_token_at) if winner else None,
        "commit_ms": _ms(race.accepted_at, winner.committed_at) if winner else None,
        "tokens_in": next((c.prompt_tokens for a, c in costs if a is winner), None),
        "tokens_out": winner.tokens if winner else None,
        "cost_usd": round(sum(known, Decimal(0)), 10).normalize() if known else None,
        "reasons": tuple(_reason(a) for a in race.attempts if a.outcome in _FAILED),
    }


def _reason(attempt: AttemptRecord) -> dict[str, Any]:
    name, reason = _clipped(attempt.candidate.name), reason_of(attempt)
    return {"attempt": name, "outcome": attempt.outcome, "reason": _clipped(reason)}


def _clipped(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST_NAME:
        return text or None
    return text[:LONGEST_NAME] + "…"


def _ms(start: float, then: float | None) -> float | None:
    return None if then is None else round((then - start) * 1000, 3)
