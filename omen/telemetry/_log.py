"""The log lines of attempts."""

from __future__ import annotations

import logging

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger("omen.telemetry")


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
