"""The processes of the workers: started, watched, started again, and stopped.

Each process is owned by a task, and the tasks by a nursery. No process outlives it: if the task is
cancelled, its process is killed.

The processes are started by `exec`, not by `fork`. A fork of a process with an event loop, threads
and open databases is not safe, and reference counts would soon copy most shared pages anyway.
"""

from __future__ import annotations

import logging
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import trio

from omen.gateway.workers._backoff import Backoff
from omen.gateway.workers._seat import Seat

logger = logging.getLogger(__name__)

STOP_NOW = signal.SIGUSR2
"""Ends a worker without a drain. It is no second SIGTERM, because a worker may get that twice: from
its supervisor, and from systemd, which sends it to every process of a service."""
KILL_SECONDS = 30.0
"""Time that a worker has beyond its drain before it is killed: for its last rows, mostly."""
_REAP_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One worker, over all of its processes."""

    number: int
    process: trio.Process | None = None
    is_ready: bool = False
    restarts: int = 0
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def pid(self) -> int | None:
        """The process id; None between two processes."""
        return None if self.process is None else self.process.pid


class Supervisor:
    """Keeps the workers of a seat plan running.

    `command` starts a worker that reads its seat from stdin. `seat` returns the current seat
    without a number: its files are those of the configuration in force. `on_end` is called when a
    process of a worker has ended.
    """

    def __init__(
        self, command: Sequence[str], seat: Callable[[], Seat], on_end: Callable[[int], None]
    ) -> None:
        self._command = tuple(command)
        self._seat = seat
        self._on_end = on_end
        self.workers = [WorkerProcess(number + 1) for number in range(seat().workers)]
        self._stopping = trio.Event()
        self._has_served = False
        self.ended = trio.Event()
        """Set when every process has ended, after `stop`."""
        self.all_ready = trio.Event()
        """Set when every worker serves for the first time, or none ever will."""
        self.failed = False
        """Whether a worker has ended before any served: then no other one would serve."""

    def __repr__(self) -> str:
        return f"<Supervisor {self.serving} of {len(self.workers)} workers serve>"

    @property
    def serving(self) -> int:
        """The number of workers that serve."""
        return sum(worker.is_ready for worker in self.workers)

    @property
    def processes(self) -> list[int | None]:
        """The process ids of the workers; None between two processes."""
        return [worker.pid for worker in self.workers]

    @property
    def restarts(self) -> int:
        """The number of processes that were started because an earlier one had ended."""
        return sum(worker.restarts for worker in self.workers)

    async def run(self) -> None:
        """Keep all workers running until `stop`. Returns when every process has ended.

        **Cancellation.** Kills all processes.
        """
        async with trio.open_nursery() as nursery:
            for worker in self.workers:
                nursery.start_soon(self._keep, worker)
        self.all_ready.set()
        self.ended.set()

    def note_ready(self, number: int) -> None:
        """Take note that a worker serves."""
        self.workers[number - 1].is_ready = self._has_served = True
        if all(worker.is_ready for worker in self.workers):
            self.all_ready.set()

    def stop(self) -> None:
        """Let every worker drain and end. None is started again."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def stop_now(self) -> None:
        """Let every worker end without a drain."""
        self._stopping.set()
        self._signal(STOP_NOW)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self.workers:
            if worker.process is not None and worker.process.returncode is None:
                worker.process.send_signal(number)

    async def _keep(self, worker: WorkerProcess) -> None:
        while not self._stopping.is_set():
            began = trio.current_time()
            ended = await self._run_one(worker)
            self._on_end(worker.number)
            if self._stopping.is_set():
                return
            if not self._has_served:
                self.failed = True
                self.stop()
                self.all_ready.set()
                return
            pause = worker.backoff.after(trio.current_time() - began)
            worker.restarts += 1
            text = "worker %d has ended (%s); it starts again in %.1f s"
            logger.warning(text, worker.number, ended, pause)
            with trio.move_on_after(pause):
                await self._stopping.wait()

    async def _run_one(self, worker: WorkerProcess) -> str:
        """Run a process of a worker until it ends. Return how it ended."""
        seat = replace(self._seat(), number=worker.number)
        worker.is_ready = False
        try:
            process: trio.Process = await trio.lowlevel.open_process(
                self._command,
                stdin=subprocess.PIPE,
                pass_fds=(*seat.listeners, seat.table),
                # A terminal's Ctrl-C is for the supervisor, which lets the workers drain.
                process_group=0,
            )
        except OSError as error:
            # The machine has no memory or no process left, which may be different soon.
            return f"it cannot be started: {error.strerror}"
        worker.process = process
        try:
            if self._stopping.is_set():  # the signal came while it was started
                process.send_signal(signal.SIGTERM)
            assert process.stdin is not None
            # Open until the process has ended: its end would tell the worker that we have died.
            async with process.stdin:
                with suppress(trio.BrokenResourceError):  # it has ended already
                    await process.stdin.send_all(seat.encode())
                return _described(await process.wait())
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + _REAP_SECONDS):
                    await process.wait()
            worker.process, worker.is_ready = None, False


def _described(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
