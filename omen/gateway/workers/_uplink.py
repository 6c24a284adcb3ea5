"""A worker's end of its link: it connects, says who it is, and connects again after a failure.

While there is no link, every call fails at once: the store falls back to the worker's memory, rows
go to the spool, and requests go on.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import trio

from omen.gateway.workers._link import Handlers, Link, LinkError, Result

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
CONNECT_SECONDS = 5.0


class Uplink:
    """The link of one worker. `stay` must run in a nursery, from before the first call on."""

    def __init__(self, path: Path, number: int, replica: str, handlers: Handlers) -> None:
        self._path = path
        self._hello = [number, replica]
        self._handlers = handlers
        self._link: Link | None = None
        self._listens = False

    def __repr__(self) -> str:
        return f"<Uplink {'connected' if self.is_connected else 'not connected'}>"

    @property
    def is_connected(self) -> bool:
        """Whether calls can be made now."""
        return self._link is not None and not self._link.has_ended

    async def stay(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a link until cancelled. It has started after the first attempt."""
        async with trio.open_nursery() as nursery:
            tried = trio.Event()
            nursery.start_soon(self._keep, tried)
            await tried.wait()
            task_status.started()

    async def call(self, name: str, value: Any = None, blob: bytes = b"") -> Result:
        """Make a call. **Raises.** `LinkError`. **Cancellation.** It may have taken effect."""
        if self._link is None:
            raise LinkError("the supervisor is not connected")
        return await self._link.call(name, value, blob)

    def note(self, name: str, value: Any = None) -> bool:
        """Send a note. Return False if it is dropped."""
        return self._link is not None and self._link.note(name, value)

    def listen(self, *, listens: bool) -> None:
        """Tell the supervisor whether a listener of the live feed is here."""
        self._listens = listens
        self.note("listens", listens)

    async def _keep(self, tried: trio.Event) -> None:
        while True:
            stream = await self._connect()
            if stream is not None:
                link = Link(stream, self._handlers)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._introduce, link, nursery.cancel_scope, tried)
                    await link.run()
                    nursery.cancel_scope.cancel()
                self._link = None
            tried.set()
            await trio.sleep(RETRY_SECONDS)

    async def _connect(self) -> trio.SocketStream | None:
        with trio.move_on_after(CONNECT_SECONDS):
            try:
                return await trio.open_unix_socket(self._path)
            except OSError:
                return None
        return None

    async def _introduce(self, link: Link, scope: trio.CancelScope, tried: trio.Event) -> None:
        try:
            with trio.fail_after(CONNECT_SECONDS):
                await link.call("hello", self._hello)
        except (LinkError, trio.TooSlowError):
            scope.cancel()
            return
        self._link = link
        self.note("listens", self._listens)
        tried.set()
