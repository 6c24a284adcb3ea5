"""`omen serve` with several workers: the supervisor's part.

Two nurseries, from the outside in: what must run as long as a worker lives (the hub, the writer of
the ledger), and the workers. So the rows of the last requests are still taken and written.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import trio

from omen.cli._early import take_hangup
from omen.cli._listening import report_not_listening
from omen.cli._reloading import find_loss
from omen.cli._signals import heed_signals
from omen.config import ConfigError, Loaded
from omen.config.given_files import ConfigFiles, DiskFiles
from omen.front.operations.metrics_of_workers import SupervisorFigures
from omen.front.operations.own_part import add_figures
from omen.gateway import Books, keep_books, prepare_books
from omen.gateway.workers import (
    KILL_SECONDS,
    CentralStore,
    Hub,
    Seat,
    Supervisor,
    encode_files,
    rows_handler,
)
from omen.ledger.database import shown_url
from omen.serving import BACKLOG, TABLE_BYTES, clear_share

FIGURES_SECONDS = 1.0
"""Time between two looks at the figures of the workers: the most that is lost with one of them."""
RELOAD_SECONDS = 20.0
LONGEST_PATH = 100
"""Characters of a Unix socket's path; Linux allows 107, others less."""


class Supervision:
    """One gateway of several workers."""

    def __init__(
        self,
        loaded: Loaded,
        load: Callable[[ConfigFiles], Loaded],
        files: DiskFiles,
        books: Books,
        workers: int,
    ) -> None:
        self._in_force = loaded
        self._load = load
        self._files = dict(files.contents)
        self._generation = 0
        self._books = books
        self._workers = workers

    async def run(self) -> int:
        """Serve until a signal arrives. Return the exit status."""
        server = self._in_force.settings.server
        try:
            listeners = await trio.open_tcp_listeners(
                server.port, host=server.bind, backlog=BACKLOG
            )
        except OSError as error:
            report_not_listening(server, error)
            return 1
        with ExitStack() as stack:
            sockets = [_detached(stack, listener) for listener in listeners]
            table = stack.enter_context(_shared_table())
            path = stack.enter_context(_private_folder()) / "workers"
            seat = Seat(
                number=0,
                workers=self._workers,
                hub=path,
                listeners=tuple(here.fileno() for here in sockets),
                table=table,
            )
            return await self._supervise(seat, sockets)

    async def _supervise(self, seat: Seat, sockets: list[socket.socket]) -> int:
        self._supervisor = supervisor = Supervisor(
            worker_command(), partial(self._seat, seat), partial(self._ended, seat.table)
        )
        self._hub = hub = Hub(
            seat.hub,
            CentralStore(self._in_force.settings.cache.max_bytes),
            rows_handler(self._books.ledger),
            add=add_figures,
            extra=SupervisorFigures(supervisor, self._books),
            on_ready=self._ready,
        )
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            await nursery.start(heed_signals, stop, supervisor.stop_now)
            await prepare_books(self._books)
            await nursery.start(hub.stay)
            nursery.start_soon(self._look_at_figures)
            async with trio.open_nursery() as background:
                background.start_soon(keep_books, self._books)
                async with trio.open_nursery() as working:
                    working.start_soon(supervisor.run)
                    working.start_soon(self._stop_workers, stop, sockets, working.cancel_scope)
                    await working.start(self.heed_reloads)
                    await supervisor.all_ready.wait()
                    if supervisor.failed:
                        print("omen: a worker could not start", file=sys.stderr)
                        stop.set()
                    elif not stop.is_set():
                        self._announce(sockets)
                background.cancel_scope.cancel()
            nursery.cancel_scope.cancel()
        return 1 if supervisor.failed else 0

    async def _stop_workers(
        self, stop: trio.Event, sockets: list[socket.socket], working: trio.CancelScope
    ) -> None:
        """Let the workers drain when `stop` is set, and end when they have."""
        await stop.wait()
        self._supervisor.stop()
        # The workers have the same sockets, and close them when they accept no more.
        for here in sockets:
            here.close()
        server = self._in_force.settings.server
        working.deadline = trio.current_time() + (
            server.drain_delay_seconds + server.drain_seconds + KILL_SECONDS
        )
        await self._supervisor.ended.wait()
        working.cancel()

    def _seat(self, seat: Seat) -> Seat:
        return replace(seat, files=self._files, generation=self._generation)

    def _ended(self, table: int, number: int) -> None:
        self._hub.part_with(number)
        clear_share(table, number - 1)

    def _ready(self, number: int, value: Any) -> Any:
        """Take note that a worker serves. Return the files if it started with earlier ones."""
        generation, _ = value
        self._supervisor.note_ready(number)
        return None if generation == self._generation else encode_files(self._files)

    async def _look_at_figures(self) -> None:
        while True:
            await trio.sleep(FIGURES_SECONDS)
            await self._hub.update_figures({"ledger_away": self._books.ledger.is_away})

    async def heed_reloads(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Reload all workers at every SIGHUP, until cancelled."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            if take_hangup():
                await self._reload()
            async for _ in signals:
                await self._reload()

    async def _reload(self) -> None:
        """Read the configuration once, and give it to all workers.

        A configuration with mistakes reaches no worker, not even one that starts later.
        """
        files = DiskFiles()
        try:
            loaded = self._load(files)
        except ConfigError as error:
            _report([*(f"mistake: {problem}" for problem in error.problems), *_UNCHANGED])
            return
        if mistake := find_loss(loaded, self._in_force):
            _report([f"mistake: {mistake}", *_UNCHANGED])
            return
        self._in_force, self._files = loaded, dict(files.contents)
        self._generation += 1
        results = await self._hub.call_all("reload", encode_files(self._files), RELOAD_SECONDS)
        lines = {number: result.value for number, result in results.items() if result is not None}
        _report(_merged(lines))
        late = sorted(set(range(1, self._workers + 1)) - set(lines))
        if late:
            names = ", ".join(map(str, late))
            _report([f"worker {names} does not serve now, and gets it when it does"])

    def _announce(self, sockets: list[socket.socket]) -> None:
        loaded = self._in_force
        print(f"omen: configuration from {loaded.source or 'defaults and environment'}")
        print(f"omen: ledger and keys in {shown_url(self._books.url)}")
        if not (loaded.settings.providers or loaded.declared):
            print("omen: no provider is configured; each worker runs the built-in simulated ones")
        processes = " ".join(str(worker.pid) for worker in self._supervisor.workers)
        print(f"omen: {self._workers} workers: {processes}")
        scheme = "https" if loaded.settings.server.tls_certificate else "http"
        for here in sockets:
            host, port = here.getsockname()[:2]
            print(f"omen: serving on {scheme}://{host}:{port}", flush=True)


_UNCHANGED = ("nothing was changed",)


def worker_command() -> list[str]:
    """Return the command of a worker: that of this process again, with one more argument."""
    # `python -m` puts the current folder first in its path; a script does not. The worker's path
    # must be the same, so that no file of the current folder is imported in place of a module.
    is_current = sys.path[:1] in ([""], [os.getcwd()])
    flags = [] if is_current else ["-P"]
    return [sys.executable, *flags, "-m", "omen", *sys.argv[1:], "--worker"]


def _merged(lines: dict[int, list[str]]) -> list[str]:
    """Return the lines of all workers, without repetition: those of one worker, as a rule."""
    return list(dict.fromkeys(line for number in sorted(lines) for line in lines[number]))


def _report(lines: list[str]) -> None:
    for line in lines:
        print(f"omen: reload: {line}", file=sys.stderr, flush=True)


def _detached(stack: ExitStack, listener: trio.SocketListener) -> socket.socket:
    """Return a plain socket for the listener's: the supervisor itself accepts nothing."""
    here = socket.socket(fileno=os.dup(listener.socket.fileno()))
    listener.socket.close()
    return stack.enter_context(here)


@contextmanager
def _shared_table() -> Iterator[int]:
    """Yield the descriptor of the memory in which workers write their numbers of connections."""
    with tempfile.TemporaryFile() as file:
        file.write((-1).to_bytes(8, sys.byteorder, signed=True) * (TABLE_BYTES // 8))
        file.flush()
        yield file.fileno()


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Yield a folder that only this user can enter."""
    base = tempfile.gettempdir()
    if len(base) > LONGEST_PATH - 30:
        base = "/tmp"
    with tempfile.TemporaryDirectory(prefix="omen-", dir=base, ignore_cleanup_errors=True) as name:
        yield Path(name)
