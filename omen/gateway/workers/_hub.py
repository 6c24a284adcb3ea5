"""The supervisor's end of all links: who is connected, what each worker calls, and what is told on.

The socket is in a folder that only this user can enter, and has mode 0600 itself.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from omen.gateway.workers._central import CentralStore
from omen.gateway.workers._link import Handler, Handlers, Link, LinkError, Result
from omen.gateway.workers._served_store import ServedStore

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 1024
"""Connections to the socket at once. Each worker has one."""
HELLO_SECONDS = 10.0
_SUMMED = frozenset({"figures", "status"})
"""Questions to which workers that have ended and the supervisor have a part of the answer."""
ASK_SECONDS = 2.0
"""How long a worker may take to answer a question of another one."""


@dataclass(eq=False)
class Member:
    """A connected worker."""

    number: int = 0
    replica: str = ""
    """Its name in the store and in the ledger. The next process of this number has another one."""
    link: Link | None = None
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    listens: bool = False
    """Whether a listener of the live feed is connected to it."""
    said_hello: trio.Event = field(default_factory=trio.Event)

    def name(self) -> str:
        """Return the replica. **Raises.** `LinkError` before the worker has introduced itself."""
        if not self.replica:
            raise LinkError("no hello yet")
        return self.replica

    async def call(self, name: str, value: Any, seconds: float) -> Result | None:
        """Make a call. Return None if there is no answer within this time."""
        if self.link is None:
            return None
        with trio.move_on_after(seconds):
            try:
                return await self.link.call(name, value)
            except LinkError:
                return None
        return None


class Hub:
    """All workers. `stay` must run in a nursery, for as long as a worker lives.

    `rows` takes rows of the ledger. `add` adds the last figures of a worker that has ended to those
    of earlier ones. `extra` returns figures of the supervisor itself. `on_ready` is called when a
    worker serves, and the worker gets its result.
    """

    def __init__(
        self,
        path: Path,
        store: CentralStore,
        rows: Handler,
        *,
        add: Callable[[Any, Any], Any],
        extra: Callable[[], Any],
        on_ready: Callable[[int, Any], Any],
    ) -> None:
        self.path = path
        self.store = store
        self.members: dict[int, Member] = {}
        """The connected workers, by number."""
        self._rows = rows
        self._add = add
        self._extra = extra
        self._on_ready = on_ready
        self._last: dict[int, Any] = {}
        """The last known figures of each worker that lives."""
        self.ended: Any = None
        """The figures of all workers that have ended; None without any."""

    def __repr__(self) -> str:
        return f"<Hub {sorted(self.members)}>"

    async def stay(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve workers until cancelled."""
        listener = _listen(self.path)
        async with listener, trio.open_nursery() as nursery:
            task_status.started()
            while True:
                stream = await listener.accept()
                if len(nursery.child_tasks) < MOST_CONNECTIONS:
                    nursery.start_soon(self._serve, stream)
                else:
                    await trio.aclose_forcefully(stream)

    def part_with(self, number: int) -> None:
        """Take note that the process of a worker has ended: its figures are final."""
        member = self.members.pop(number, None)
        if member is not None:
            member.scope.cancel()
            self.store.forget(member.replica)
        if number in self._last:
            self.ended = self._add(self.ended, self._last.pop(number))
        self._tell_listeners()

    async def update_figures(self, args: Any) -> None:
        """Get the figures of every worker, so that little is lost if one of them is killed.

        `args` is what workers need to know regularly.
        """
        await self._ask(None, "figures", args)

    async def call_all(self, name: str, value: Any, seconds: float) -> dict[int, Result | None]:
        """Call every worker at the same time. None stands for a worker that did not answer."""
        results: dict[int, Result | None] = {}

        async def call(member: Member) -> None:
            results[member.number] = await member.call(name, value, seconds)

        async with trio.open_nursery() as nursery:
            for member in list(self.members.values()):
                nursery.start_soon(call, member)
        return results

    async def _serve(self, stream: trio.SocketStream) -> None:
        member = Member()
        if not _is_own(stream):
            await trio.aclose_forcefully(stream)
            return
        with member.scope:
            member.link = Link(stream, self._handlers(member))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._expect_hello, member)
                await member.link.run()
                nursery.cancel_scope.cancel()
        if self.members.get(member.number) is member:
            # The link has ended, and not (yet) the process: it may connect again.
            del self.members[member.number]

    async def _expect_hello(self, member: Member) -> None:
        with trio.move_on_after(HELLO_SECONDS):
            await member.said_hello.wait()
            return
        member.scope.cancel()

    def _handlers(self, member: Member) -> Handlers:
        async def hello(value: Any, blob: bytes) -> Result:
            number, replica = value
            member.number, member.replica = int(number), str(replica)
            earlier = self.members.get(member.number)
            if earlier is not None:
                # What it still has to say was sent before: later calls must not be overtaken.
                earlier.scope.cancel()
            self.members[member.number] = member
            member.said_hello.set()
            self._tell_listeners()
            return Result()

        async def ready(value: Any, blob: bytes) -> Result:
            member.name()
            return Result(self._on_ready(member.number, value))

        async def last(value: Any, blob: bytes) -> Result:
            member.name()
            self._last[member.number] = value
            return Result()

        async def listens(value: Any, blob: bytes) -> Result:
            member.listens = bool(value)
            self._tell_listeners()
            return Result()

        async def moment(value: Any, blob: bytes) -> Result:
            for other in self.members.values():
                if other.listens and other is not member and other.link is not None:
                    other.link.note("moment", value)
            return Result()

        async def ask(value: Any, blob: bytes) -> Result:
            question, args = value
            return Result(await self._ask(member, question, args))

        served = ServedStore(self.store, member.name)
        prompt: Mapping[str, Handler] = {
            **served.handlers,
            "hello": hello,
            "ready": ready,
            "last": last,
            "rows": self._rows,
            "listens": listens,
            "moment": moment,
        }
        return Handlers(prompt, {"ask": ask})

    async def _ask(self, asker: Member | None, question: str, args: Any) -> dict[str, Any]:
        """Return the answers of the other workers, and what the supervisor itself knows."""
        answers: dict[int, Any] = {}
        if question == "figures":
            # Of a worker that does not answer now, the last ones: a counter must not fall.
            own = None if asker is None else asker.number
            answers = {number: last for number, last in self._last.items() if number != own}

        async def ask(member: Member) -> None:
            result = await member.call("answer", [question, args], ASK_SECONDS)
            if result is not None:
                answers[member.number] = result.value
                if question == "figures":
                    self._last[member.number] = result.value

        async with trio.open_nursery() as nursery:
            for member in list(self.members.values()):
                if member is not asker:
                    nursery.start_soon(ask, member)
        is_summed = question in _SUMMED
        return {
            "answers": list(answers.values()),
            "ended": (self.ended if is_summed else None) or {},
            "supervisor": self._extra() if is_summed else {},
        }

    def _tell_listeners(self) -> None:
        """Tell each worker whether a listener elsewhere wants the moments of its races."""
        for member in self.members.values():
            wanted = any(o.listens for o in self.members.values() if o is not member)
            if member.link is not None:
                member.link.note("wanted", wanted)


def _listen(path: Path) -> trio.SocketListener:
    here = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o177)
        try:
            here.bind(str(path))
        finally:
            os.umask(mask)
        here.listen(64)
        here.setblocking(False)
        return trio.SocketListener(trio.socket.from_stdlib_socket(here))
    except BaseException:
        here.close()
        raise


def _is_own(stream: trio.SocketStream) -> bool:
    """Return whether the peer runs as this user; True where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    peer = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(peer[4:8], sys.byteorder) == os.geteuid()
