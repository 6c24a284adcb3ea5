"""A runner in a thread of its own, for a program whose main thread waits for a person.

A line of a terminal can only be read in a thread that does nothing else, and Ctrl-C reaches the
main thread. So trio runs in the other one, where a gateway keeps what it has learned between two
prompts.

The thread belongs to the block of `Session`, which waits for its end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, Self, TypeVar

import trio

from omen.cli._runner import Runner

T = TypeVar("T")


class Cancelled(Exception):
    """Ctrl-C has cancelled what ran. The session goes on."""


class Session:
    """A runner that is open for the block. Its methods are for the main thread.

    **Raises**, on entering: what opening the runner raises.
    """

    def __init__(self, opened: AbstractAsyncContextManager[Runner]) -> None:
        self._opened = opened
        self._thread = threading.Thread(target=self._run, name="omen-session")
        self._is_ready = threading.Event()
        self._failure: Exception | None = None
        self._token: trio.lowlevel.TrioToken
        self._put: trio.MemorySendChannel[_Job[Any]]
        self.default_model = ""

    def __enter__(self) -> Self:
        # The system gives a signal to any thread that takes it, and only the main thread can act on
        # Ctrl-C: it would wait in a read that nothing interrupts. Threads inherit what is blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        try:
            self._is_ready.wait()
        except KeyboardInterrupt:
            self._is_ready.wait()  # opening has timeouts of its own
            self.__exit__()
            raise
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._put.close)
        self._thread.join()

    def run(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        """Return what `work` returns. Ctrl-C cancels it.

        **Raises.** What `work` raises, and `Cancelled`; what has ended the thread, if that has.
        """
        job = _Job(work)
        try:
            self._token.run_sync_soon(self._submit, job)
            job.done.wait()
        except trio.RunFinishedError:
            raise self._failure or Cancelled from None
        except KeyboardInterrupt:
            self._token.run_sync_soon(job.scope.cancel)
            # A race closes its streams within moments; each has a deadline for that.
            job.done.wait()
            raise Cancelled from None
        return job.result()

    def _submit(self, job: _Job[Any]) -> None:
        try:
            self._put.send_nowait(job)
        except trio.BrokenResourceError:
            job.done.set()  # the thread is about to end

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except Exception as failure:  # noqa: BLE001  the main thread raises it
            self._failure = failure
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        async with self._opened as runner:
            self._token = trio.lowlevel.current_trio_token()
            self._put, jobs = trio.open_memory_channel[_Job[Any]](1)
            self.default_model = runner.default_model
            self._is_ready.set()
            async with jobs:
                async for job in jobs:
                    await job.run(runner)


class _Job(Generic[T]):
    """Something to do in the session's thread."""

    def __init__(self, work: Callable[[Runner], Awaitable[T]]) -> None:
        self._work = work
        self.scope = trio.CancelScope()
        self.done = threading.Event()
        self._results: list[T] = []
        self._error: Exception | None = None

    async def run(self, runner: Runner) -> None:
        try:
            with self.scope:
                self._results.append(await self._work(runner))
        except Exception as error:  # noqa: BLE001  raised again by `result`, in the main thread
            self._error = error
        finally:
            self.done.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        if not self._results:
            raise Cancelled
        return self._results[0]
