"""Deletes rows of the ledger that are older than the configured number of days."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import trio

from omen.ledger.database import DatabaseAwayError, DatabaseWorker, forget_step

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
"""Time between two looks for old rows."""
BATCH_ROWS = 1000
PAUSE_SECONDS = 0.1
"""Time between two batches, in which others write."""


async def keep_days(worker: DatabaseWorker, days: int) -> None:
    """Delete rows of days that ended more than `days` days ago, every hour, until cancelled.

    A database that is away is tried again an hour later.
    **Cancellation.** A day is archived, and a batch deleted, entirely or not at all.
    """
    while True:
        before = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d")
        try:
            deleted = await _sweep(worker, before)
        except DatabaseAwayError as error:
            logger.warning("old rows of the ledger could not be deleted (%s)", error)
        else:
            if deleted:
                text = "the ledger has deleted %d rows of the days before %s"
                logger.info(text, deleted, before)
        await trio.sleep(SWEEP_SECONDS)


async def _sweep(worker: DatabaseWorker, before: str) -> int:
    """Delete all rows of earlier days. **Raises.** `DatabaseAwayError`."""
    step, deleted = partial(forget_step, before=before, most=BATCH_ROWS), 0
    while (rows := await worker.ask(step)) is not None:
        deleted += rows
        await trio.sleep(PAUSE_SECONDS)
    return deleted
