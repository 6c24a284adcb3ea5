"""Asks a database from a task: in a thread, one question at a time, and never for ever.

A thread cannot be cancelled. So when a question takes too long, the connection it waits for is
broken off, the thread fails at once, and the next question finds a new connection. While a thread
connects there is nothing to break off: it is left to itself, and what it opens later it closes
itself. As long as it lives there is no second one, so a database that never answers costs a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from omen.ledger.database._migrations import SchemaTooNewError
from omen.ledger.database._reasons import reason_of
from omen.ledger.database._sql import Database
from omen.ledger.database.opening import is_refusal

_T = TypeVar("_T")

BREAK_SECONDS = 1.0
"""How long a thread may take to notice that its connection was broken off."""
_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class DatabaseAwayError(Exception):
    """The database cannot be reached, did not answer in time, or refused.

    Its text names the kind of error, and not its words, which may quote a URL or a row.
    """


class DatabaseTooNewError(DatabaseAwayError):
    """A later version of OMEN has changed the schema. The text says which, and what to do."""


class DatabaseRefusedError(DatabaseAwayError):
    """The database is there, and what it was given or gave cannot be: another question may do."""


class _Question(Generic[_T]):
    """What is done in a thread. The connection is the thread's until it has ended."""

    def __init__(
        self, work: Callable[[Database], _T], open_: Callable[[], Database], idle: Database | None
    ) -> None:
        self._work = work
        self._open = open_
        self._lock = threading.Lock()
        self._left = False
        self.database = idle
        self.over = False
        """Whether its time is up."""
        self.answer: _T | _Failed | None = None
        self.ended = False

    def run(self) -> None:
        """Find the answer. Runs in the thread."""
        try:
            answer: _T | _Failed = self._answer()
        except Exception as error:  # noqa: BLE001  it is raised again, by its kind, in the task
            answer = _Failed(error)
        with self._lock:
            self.answer, self.ended = answer, True
            if self._left:
                self.drop()

    def interrupt(self) -> bool:
        """Break the connection off; False when there is none yet."""
        database = self.database
        if database is not None:
            database.interrupt()
        return database is not None

    def leave(self) -> bool:
        """Leave the thread to itself, connection and all; False if it has ended by now."""
        with self._lock:
            self._left = not self.ended
            return self._left

    def drop(self) -> None:
        """Close the connection."""
        database, self.database = self.database, None
        if database is not None:
            database.close()

    def _answer(self) -> _T:
        if self.database is not None:
            try:
                return self._work(self.database)
            except Exception as error:
                if self.over or is_refusal(error):
                    raise
            # A connection that was idle may have died unseen. What is asked may be asked twice.
            self.drop()
        database = self.database = self._open()
        # From here on it can be interrupted. It could not before, however long that took.
        self._check_time()
        database.migrate()
        self._check_time()
        return self._work(database)

    def _check_time(self) -> None:
        if self.over:
            raise TimeoutError


class DatabaseWorker:
    """Where a database is asked. `seconds` bounds each question, the connecting included.

    With `breaks_off` a question that nobody waits for any more is broken off: a long report whose
    reader has left, or one at the end of the process.
    """

    def __init__(
        self, open_: Callable[[], Database], seconds: float, *, breaks_off: bool = False
    ) -> None:
        self._open = open_
        self._seconds = seconds
        self._breaks_off = breaks_off
        self._database: Database | None = None
        self._limiter = trio.CapacityLimiter(1)
        self._turn = trio.Lock()

    async def ask(self, work: Callable[[Database], _T]) -> _T:
        """Have something done, and return what it returns.

        **Raises.** `DatabaseRefusedError` when the values of the question or the answer are at
        fault, else `DatabaseAwayError`.
        **Cancellation.** Waits for the thread, which the bound on time holds for as well.
        """
        async with self._turn:
            question = _Question(work, self._open, self._database)
            self._database = None
            try:
                await self._wait(question)
            finally:
                left = question.leave()
                if not left:
                    self._database = question.database
                    if question.over:
                        self._drop()  # it was broken off, or about to be
            if left:
                raise DatabaseAwayError("TimeoutError")
            answer = question.answer
            if isinstance(answer, _Failed):
                raise self._failed(answer.error) from answer.error
            return answer  # type: ignore[return-value]  # it has ended, so there is one

    async def aclose(self) -> None:
        """Let go of the connection."""
        async with self._turn:
            self._drop()

    async def _wait(self, question: _Question[_T]) -> None:
        async with trio.open_nursery() as nursery:
            # Beside a thread that is waited for whatever happens stands a watch that does, too.
            watch, waiting = trio.CancelScope(shield=True), trio.CancelScope(shield=True)
            asker = trio.CancelScope()
            nursery.start_soon(self._watch, question, watch, waiting)
            if self._breaks_off:
                nursery.start_soon(_break_off, question, asker)
            try:
                with waiting:
                    await trio.to_thread.run_sync(
                        question.run, limiter=self._limiter, abandon_on_cancel=True
                    )
            finally:
                watch.cancel()
                asker.cancel()

    async def _watch(
        self, question: _Question[_T], scope: trio.CancelScope, waiting: trio.CancelScope
    ) -> None:
        with scope:
            await trio.sleep(self._seconds)
            question.over = True
            patience = trio.current_time() + BREAK_SECONDS
            # Again and again: what is broken off may be a statement, with others behind it.
            while question.interrupt() and trio.current_time() < patience:  # noqa: ASYNC110
                await trio.sleep(_AGAIN_SECONDS)
            waiting.cancel()

    def _failed(self, error: Exception) -> DatabaseAwayError:
        if isinstance(error, SchemaTooNewError):
            self._drop()
            return DatabaseTooNewError(str(error))
        if is_refusal(error):
            return DatabaseRefusedError(type(error).__name__)
        self._drop()
        return DatabaseAwayError(reason_of(error))

    def _drop(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


async def _break_off(question: _Question[_T], asker: trio.CancelScope) -> None:
    """Break a question off when whoever has asked it is cancelled."""
    with asker:
        try:
            await trio.sleep_forever()
        finally:
            if not asker.cancel_called:
                question.over = True
                question.interrupt()
