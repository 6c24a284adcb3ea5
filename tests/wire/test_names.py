"""A name whose look-up hangs takes a few threads and nobody else's."""

from __future__ import annotations

import gc
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import NoReturn

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from omen.wire._names import THREADS_PER_NAME, BoundedResolver
from omen.wire.transport import Transport
from tests.wire.scripted import ask, post
from tests.wire.sockets import HERE, listening, until
from tests.wire.test_sockets import serve_for_ever

Address = tuple[str, int]


class Resolver:
    """The system's resolver, played by hand: names that end in `.dead` hang until they are revived.

    `asked` counts the calls by name, `busy` those that have not come back.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.busy = 0
        self.addresses: list[Address] = []
        self._changed = threading.Condition()
        self._revived = False
        self._numeric = socket.getaddrinfo

    def __call__(self, host: bytes | str, port: int, *args: int) -> object:
        if args[-1] & socket.AI_NUMERICHOST:
            return self._numeric(host, port, *args)
        name = host.decode() if isinstance(host, bytes) else host
        with self._changed:
            self.asked[name] += 1
            self.busy += 1
            if name.endswith(".dead"):
                self._changed.wait_for(lambda: self._revived, 60)
            self.busy -= 1
            self._changed.notify_all()
        if name.endswith(".unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, address) for address in self.addresses]

    def revive(self) -> None:
        """Let what hangs come back, and wait for it: it needs nothing of trio's for that."""
        with self._changed:
            self._revived = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self.busy == 0, 20)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.revive()


@asynccontextmanager
async def serving(resolver: Resolver) -> AsyncIterator[Transport]:
    """Give a transport for which every name leads to one server here."""
    async with listening(serve_for_ever) as port, Transport() as transport:
        resolver.addresses = [(HERE, port)]
        yield transport


async def ask_in_vain(count: int, transport: Transport, resolver: Resolver) -> None:
    """Send so many requests to a dead name, and cancel them while they wait for it."""
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(ask, transport, post("http://name.dead"))
        await until(lambda: resolver.busy == THREADS_PER_NAME)
        await wait_all_tasks_blocked()
        assert resolver.busy == THREADS_PER_NAME
        assert transport.sockets_in_use == count
        nursery.cancel_scope.cancel()
    assert transport.sockets_in_use == 0


async def test_a_dead_name_leaves_the_others_their_threads(resolver: Resolver) -> None:
    """Sixty look-ups, waiting or given up, would fill the limiter that everybody shares."""
    async with serving(resolver) as transport:
        for _ in range(3):
            await ask_in_vain(20, transport, resolver)
        assert resolver.busy == THREADS_PER_NAME  # given up, and not come back
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        with trio.fail_after(10):  # real time, for code that starves
            assert await ask(transport, post("http://name.alive")) == b"ok"
            assert await trio.to_thread.run_sync(lambda: "done") == "done"
        assert resolver.asked == {"name.dead": THREADS_PER_NAME, "name.alive": 1}


async def test_when_the_name_server_comes_back_so_does_the_name(resolver: Resolver) -> None:
    async with serving(resolver) as transport:
        await ask_in_vain(10, transport, resolver)
        resolver.revive()
        assert await ask(transport, post("http://name.dead")) == b"ok"


@pytest.mark.parametrize("crowd", [0, THREADS_PER_NAME])
async def test_a_look_up_has_its_share_of_the_time_for_connecting(
    resolver: Resolver, nursery: trio.Nursery, crowd: int, autojump_clock: trio.abc.Clock
) -> None:
    """Whether it is its own look-up that hangs or it waits for a place to begin one."""
    async with Transport(connect_timeout=7.0) as transport:
        for _ in range(crowd):
            request = post("http://name.dead")
            request.extensions["timeout"] = {"connect": 100.0}
            nursery.start_soon(ask, transport, request)
            await wait_all_tasks_blocked()
        with pytest.raises(httpx.ConnectTimeout):
            await ask(transport, post("http://name.dead"))
        assert (trio.current_time(), transport.sockets_in_use) == (7.0, crowd)
        nursery.cancel_scope.cancel()


async def test_a_name_that_does_not_exist_is_a_connect_error(resolver: Resolver) -> None:
    async with Transport() as transport:
        with pytest.raises(httpx.ConnectError) as raised:
            await ask(transport, post("http://name.unknown"))
    assert isinstance(raised.value.__cause__, socket.gaierror)


async def test_nothing_is_remembered_of_a_name_that_nobody_asks_for(resolver: Resolver) -> None:
    names = BoundedResolver()
    for number in range(50):
        await names.getaddrinfo(f"{number}.alive".encode(), 80)
    gc.collect()
    assert repr(names) == "<BoundedResolver: 0 being looked up>"
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(names.getaddrinfo, f"{number}.dead".encode(), 80)
        await until(lambda: resolver.busy == 5)
        nursery.cancel_scope.cancel()
    gc.collect()
    assert repr(names) == "<BoundedResolver: 5 being looked up>"  # a thread is out for each
    resolver.revive()
    await until(lambda: gc.collect() >= 0 and repr(names) == "<BoundedResolver: 0 being looked up>")


async def test_happy_eyeballs_still_try_one_address_after_the_other(resolver: Resolver) -> None:
    async with serving(resolver) as transport:
        with trio.socket.socket() as nobody:
            await nobody.bind((HERE, 0))  # and does not listen: who connects is refused
            resolver.addresses.insert(0, nobody.getsockname())
            assert await ask(transport, post("http://name.alive")) == b"ok"


async def test_a_resolver_that_somebody_has_set_is_left_alone(resolver: Resolver) -> None:
    class Theirs(BoundedResolver):
        async def getaddrinfo(self, *args: object) -> NoReturn:
            await trio.lowlevel.checkpoint()
            raise OSError("asked them")

    theirs = Theirs()
    trio.socket.set_custom_hostname_resolver(theirs)
    async with Transport() as transport:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError) as raised:
                await ask(transport, post("http://name.alive"))
            assert str(raised.value.__cause__) == "asked them"
    assert trio.socket.set_custom_hostname_resolver(None) is theirs
    assert resolver.asked == {}
