"""Calls to a database from tasks: in a thread, one call at a time, with a timeout.

A thread cannot be cancelled. So when a call takes too long, its connection is interrupted, the
thread fails at once, and the next call opens a new connection. While a thread still connects, there
is nothing to interrupt: the thread is abandoned, and it closes itself the connection that it opens
later. While it lives there is no second thread, so a database that never answers costs one thread.
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
"""How long a thread may take to notice that its connection was interrupted."""
_AGAIN_SECONDS = 0.05
"""Time between two interrupts."""


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class DatabaseAwayError(Exception):
    """The database cannot be reached, did not answer in time, or refused the call.

    The text has the kind of the error only. The error's own text may quote a URL or a row.
    """


class DatabaseTooNewError(DatabaseAwayError):
    """A later version of OMEN has changed the schema. The text has the number, and the remedy."""


class DatabaseRefusedError(DatabaseAwayError):
    """The database answers, but refuses these values. A call with other values may succeed."""


class _Call(Generic[_T]):
    """One call in a thread. The thread owns the connection until it has ended.

    The lock decides the one race between thread and task: whether the thread has ended before the
    task abandons it. The loser of that race does not touch the connection any more.
    """

    def __init__(
        self, work: Callable[[Database], _T], open_: Callable[[], Database], idle: Database | None
    ) -> None:
        self._work = work
        self._open = open_
        self._lock = threading.Lock()
        self._abandoned = False
        self.database = idle
        self.expired = False
        """Whether the timeout has passed, or the caller was cancelled."""
        self.result: _T | _Failed | None = None
        self.ended = False

    def run(self) -> None:
        """Compute the result. This runs in the thread."""
        try:
            result: _T | _Failed = self._result()
        except Exception as error:  # noqa: BLE001  it is raised again, by its kind, in the task
            result = _Failed(error)
        with self._lock:
            self.result, self.ended = result, True
            if self._abandoned:
                self.drop()

    def interrupt(self) -> bool:
        """Interrupt the connection. Return False if there is none yet."""
        database = self.database
        if database is not None:
            database.interrupt()
        return database is not None

    def abandon(self) -> bool:
        """Abandon the thread with its connection. Return False if it has already ended."""
        with self._lock:
            self._abandoned = not self.ended
            return self._abandoned

    def drop(self) -> None:
        """Close the connection."""
        database, self.database = self.database, None
        if database is not None:
            database.close()

    def _result(self) -> _T:
        if self.database is not None:
            try:
                return self._work(self.database)
            except Exception as error:
                if self.expired or is_refusal(error):
                    raise
            # An idle connection may have died unnoticed, so the call is repeated on a new one. All
            # calls may be repeated.
            self.drop()
        database = self.database = self._open()
        # From here on the watchdog can interrupt. It could not while connecting, so the time is
        # checked here, and again after the migration.
        self._check_time()
        database.migrate()
        self._check_time()
        return self._work(database)

    def _check_time(self) -> None:
        if self.expired:
            raise TimeoutError


class DatabaseWorker:
    """The access of tasks to one database. `seconds` is the timeout of a call with its connecting.

    With `breaks_off`, a call is interrupted when its caller is cancelled: a long report whose
    reader has left, for example, or a call at the end of the process.
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
        """Run `work` on the database, and return its result. `work` may run twice.

        **Raises.** `DatabaseRefusedError` if the values of the call or the result are at fault,
        otherwise `DatabaseAwayError`.
        **Cancellation.** Waits for the thread first, at most until the timeout.
        """
        async with self._turn:
            # The connection moves into the call. It comes back only if the thread has ended.
            call = _Call(work, self._open, self._database)
            self._database = None
            try:
                await self._wait(call)
            finally:
                abandoned = call.abandon()
                if not abandoned:
                    self._database = call.database
                    if call.expired:
                        self._drop()  # it was interrupted, or an interrupt may still arrive
            if abandoned:
                raise DatabaseAwayError("TimeoutError")
            result = call.result
            if isinstance(result, _Failed):
                raise self._failed(result.error) from result.error
            return result  # type: ignore[return-value]  # the thread has ended, so there is one

    async def aclose(self) -> None:
        """Close the connection."""
        async with self._turn:
            self._drop()

    async def _wait(self, call: _Call[_T]) -> None:
        async with trio.open_nursery() as nursery:
            # The worker thread cannot be cancelled, so the wait for it is shielded, and so is the
            # watchdog. Only the watchdog ends the wait early, by a cancel of `waiting`.
            watch, waiting = trio.CancelScope(shield=True), trio.CancelScope(shield=True)
            caller_scope = trio.CancelScope()
            nursery.start_soon(self._watch, call, watch, waiting)
            if self._breaks_off:
                nursery.start_soon(_break_off, call, caller_scope)
            try:
                with waiting:
                    await trio.to_thread.run_sync(
                        call.run, limiter=self._limiter, abandon_on_cancel=True
                    )
            finally:
                watch.cancel()
                caller_scope.cancel()

    async def _watch(
        self, call: _Call[_T], scope: trio.CancelScope, waiting: trio.CancelScope
    ) -> None:
        with scope:
            await trio.sleep(self._seconds)
            call.expired = True
            give_up_at = trio.current_time() + BREAK_SECONDS
            # Repeated: an interrupt ends one statement, and others may follow it.
            while call.interrupt() and trio.current_time() < give_up_at:  # noqa: ASYNC110
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


async def _break_off(call: _Call[_T], caller_scope: trio.CancelScope) -> None:
    """Interrupt a call when its caller is cancelled."""
    with caller_scope:
        try:
            await trio.sleep_forever()
        finally:
            # `_wait` cancels this scope after the call. Otherwise the caller was cancelled.
            if not caller_scope.cancel_called:
                call.expired = True
                call.interrupt()
