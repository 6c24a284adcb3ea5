"""A 408 is about the head of a request. Nothing of it is written into the response of another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import trio

from omen.serving import Receive, Scope, Send
from omen.serving._h1 import H1
from omen.serving._link import Peer
from omen.serving._service import Service
from omen.serving._tasks import ConnectionTasks
from omen.serving._unread import UnreadPool
from tests.serving.harness import get


async def never_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await trio.sleep_forever()


@dataclass
class Link:
    """A connection that notes what is written."""

    written: list[bytes] = field(default_factory=list)

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    async def end(self) -> None: ...

    def update(self, *, idle: bool) -> None: ...

    def resume(self) -> None: ...


@asynccontextmanager
async def connection(link: Link) -> AsyncIterator[H1]:
    service = SimpleNamespace(
        app=never_answer,
        admission=None,
        early=None,
        context=SimpleNamespace(terminated=trio.Event()),
    )
    async with trio.open_nursery() as nursery:
        tasks = ConnectionTasks(nursery, 1000, UnreadPool())
        yield H1(cast(Service, service), tasks, Peer(False, None, None, {}), link)
        nursery.cancel_scope.cancel()


async def test_a_head_that_is_late_gets_a_408() -> None:
    link = Link()
    async with connection(link) as h1:
        await h1.receive(get("/ok")[:-2])
        assert h1.head_begun
        await h1.expire()
    assert [data[:13] for data in link.written] == [b"HTTP/1.1 408 "]


async def test_while_a_request_runs_the_part_of_another_is_no_late_head() -> None:
    link = Link()
    async with connection(link) as h1:
        await h1.receive(get("/ok") + get("/next")[:-2])
        assert not h1.head_begun
        await h1.expire()
    assert link.written == []
