"""Asks a database from a task: in a thread, one question at a time, and never for ever.

A thread cannot be cancelled. So when a question takes too long, the connection it waits for is
broken off, the thread fails at once, and the next question finds a new connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import trio

from omen.ledger.database._reasons import reason_of
from omen.ledger.database._sql import Database
from omen.ledger.database.opening import ERRORS

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class DatabaseAwayError(Exception):
    """The database cannot be reached, did not answer in time, or refused.

    Its text names the kind of error and what to do about it, and not the driver's words, which may
    quote a URL or a row.
    """


class DatabaseWorker:
    """Where a database is asked. `seconds` bounds each question, the connecting included."""

    def __init__(self, open_: Callable[[], Database], seconds: float) -> None:
        self._open = open_
        self._seconds = seconds
        self._database: Database | None = None
        self._interrupted = False
        self._limiter = trio.CapacityLimiter(1)
        self._turn = trio.Lock()

    async def ask(self, work: Callable[[Database], _T]) -> _T:
        """Have something done. **Raises.** `DatabaseAwayError`.

        **Cancellation.** Waits for the thread, which the bound on time holds for as well.
        """
        async with self._turn:
            async with trio.open_nursery() as nursery:
                # Beside a thread that cannot be cancelled stands a watch that is not, either.
                watch = trio.CancelScope(shield=True)
                self._interrupted = False
                nursery.start_soon(self._watch, watch)
                try:
                    answer = await trio.to_thread.run_sync(
                        self._caught, work, limiter=self._limiter
                    )
                finally:
                    watch.cancel()
            if isinstance(answer, _Failed):
                self._drop()
                raise DatabaseAwayError(reason_of(answer.error)) from answer.error
            return answer

    async def aclose(self) -> None:
        """Let go of the connection."""
        async with self._turn:
            self._drop()

    def _caught(self, work: Callable[[Database], _T]) -> _T | _Failed:
        try:
            return self._work(work)
        except ERRORS as error:
            return _Failed(error)

    def _work(self, work: Callable[[Database], _T]) -> _T:
        if self._database is None:
            return work(self._connected())
        try:
            return work(self._database)
        except ERRORS:
            if self._interrupted:
                raise
        # A connection that was idle may have died unseen. What is asked may be asked twice.
        self._drop()
        return work(self._connected())

    def _connected(self) -> Database:
        database = self._open()
        # From here on it can be interrupted.
        self._database = database
        database.migrate()
        return database

    async def _watch(self, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep(self._seconds)
            self._interrupted = True
            if self._database is not None:
                self._database.interrupt()

    def _drop(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
