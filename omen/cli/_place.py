"""The place of a process among several workers: what it gets from its supervisor."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trio

from omen.cli._reloading import Renew, reload
from omen.config import LedgerSettings, Loaded
from omen.config.given_files import ConfigFiles, GivenFiles
from omen.front.operations.peers import Answer, Gathered
from omen.gateway import Books, Gateway, make_books
from omen.gateway.workers import (
    STOP_NOW,
    HandedLedger,
    Handler,
    Handlers,
    LinkError,
    Result,
    Seat,
    SocketStore,
    Uplink,
    decode_files,
)
from omen.ledger import Spool
from omen.ledger.database import DatabaseWorker
from omen.serving import ConnectionShare, ServerHandle
from omen.state import Patience
from omen.telemetry import LiveFeed, RaceMoment

_SUMMED = frozenset({"figures", "status"})
READY_SECONDS, ASK_SECONDS, LEAVE_SECONDS = 10.0, 3.0, 2.0
"""Timeouts of calls to the supervisor."""


class Place:
    """The worker's side of its seat. The supervisor is called through it."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.share = ConnectionShare(seat.table, seat.index)
        """The numbers of connections of all workers."""
        self._prompt: dict[str, Handler] = {}
        self._slow: dict[str, Handler] = {}
        self._uplink: Uplink | None = None
        self._ledger: HandedLedger | None = None
        self._figures: Answer | None = None
        self._gathered: dict[str, Gathered] = {}

    def __repr__(self) -> str:
        return f"<Place {self.seat.number} of {self.seat.workers}, {self._uplink!r}>"

    def make_books(self, settings: LedgerSettings, folder: Path) -> Books:
        """Return books whose rows the supervisor writes."""

        def make_ledger(worker: DatabaseWorker, spool: Spool, replica: str) -> HandedLedger:
            self._ledger = HandedLedger(self, worker, spool, replica, settings.timeout_seconds)
            return self._ledger

        books = make_books(settings, folder, make_ledger)
        handlers = Handlers(self._prompt, self._slow)
        self._uplink = Uplink(self.seat.hub, self.seat.number, books.replica, handlers)
        return books

    def connect(self, replica: str, patience: Patience) -> SocketStore:
        """Return the store in the supervisor."""
        return SocketStore(self, replica, patience)

    def listeners(self) -> list[trio.SocketListener]:
        """Return the listeners of the sockets that all workers share."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in self.seat.listeners]
        return [trio.SocketListener(trio.socket.from_stdlib_socket(here)) for here in sockets]

    async def heed_signals(
        self,
        stop: trio.Event,
        stop_now: Callable[[], None],
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Set `stop` at every SIGTERM or SIGINT; at `STOP_NOW` call `stop_now` as well."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, STOP_NOW) as signals:
            task_status.started()
            async for number in signals:
                stop.set()
                if number == STOP_NOW:
                    stop_now()

    async def ask(self, question: str, args: Any = None) -> Gathered:
        """Return the answers of the other workers.

        If the supervisor does not answer, there are none; but figures are those of the last answer,
        because counters must not fall.
        """
        with trio.move_on_after(ASK_SECONDS):
            with suppress(LinkError):
                gathered = Gathered(**(await self.call("ask", [question, args])).value)
                self._gathered[question] = gathered
                return gathered
        return self._gathered.get(question, Gathered()) if question in _SUMMED else Gathered()

    def serve(self, answer: Answer) -> None:
        """Answer the questions of other workers from now on."""

        async def answer_one(value: Any, blob: bytes) -> Result:
            question, args = value
            if question == "figures" and args is not None and self._ledger is not None:
                self._ledger.writer_is_away = bool(args["ledger_away"])
            return Result(answer(question, args))

        self._figures = answer
        self._slow["answer"] = answer_one

    def _share_feed(self, feed: LiveFeed, uplink: Uplink) -> None:
        """Exchange the moments of races with other workers, as long as somebody listens there."""

        def relay(moment: RaceMoment) -> None:
            uplink.note("moment", moment.as_json())

        async def wanted(value: Any, blob: bytes) -> Result:
            feed.relay_to(relay if value else None)
            return Result()

        async def moment(value: Any, blob: bytes) -> Result:
            feed.show(RaceMoment(**value))
            return Result()

        self._prompt |= {"wanted": wanted, "moment": moment}
        feed.watch_listeners(lambda listens: uplink.listen(listens=listens))

    async def _leave(self) -> None:
        """Tell the supervisor the last figures, before this process ends."""
        if self._figures is not None:
            with trio.move_on_after(LEAVE_SECONDS):
                try:
                    await self.call("last", self._figures("figures", None))
                except LinkError:
                    return

    @asynccontextmanager
    async def joined(self, feed: LiveFeed, stop: trio.Event) -> AsyncIterator[None]:
        """Keep the link to the supervisor for the block; set `stop` if the supervisor dies."""
        assert self._uplink is not None
        self._share_feed(feed, self._uplink)
        async with trio.open_nursery() as nursery:
            await nursery.start(self._uplink.stay)
            nursery.start_soon(_stop_when_alone, stop)
            yield
            await self._leave()
            nursery.cancel_scope.cancel()

    async def call(self, name: str, value: Any = None, blob: bytes = b"") -> Result:
        """Call the supervisor. **Raises.** `LinkError`."""
        if self._uplink is None:
            raise LinkError("the supervisor is not connected")
        return await self._uplink.call(name, value, blob)

    async def begin(
        self,
        gateway: Gateway,
        load: Callable[[ConfigFiles], Loaded],
        in_force: Loaded,
        renew: Renew,
        handle: ServerHandle,
    ) -> None:
        """Tell the supervisor that this worker serves, and reload whenever it says so."""

        def apply(files: Any) -> list[str]:
            nonlocal in_force
            given = GivenFiles(decode_files(files))
            in_force, lines = reload(gateway, lambda: load(given), in_force, renew)
            return lines

        async def reload_now(value: Any, blob: bytes) -> Result:
            return Result(apply(value))

        self._slow["reload"] = reload_now
        with trio.move_on_after(READY_SECONDS):
            try:
                result = await self.call("ready", [self.seat.generation, handle.addresses])
            except LinkError:
                return  # it has died, and `stop_when_alone` notices
            if result.value is not None:
                apply(result.value)  # there was a reload while this worker started


async def _stop_when_alone(stop: trio.Event) -> None:
    """Set `stop` when the supervisor has died: nobody else would stop this process."""
    async with trio.lowlevel.FdStream(os.dup(0)) as stdin:
        while await stdin.receive_some(4096):
            pass
    stop.set()
