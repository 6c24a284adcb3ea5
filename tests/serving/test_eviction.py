"""Which connection is closed for a new one: never one that runs a request."""

from __future__ import annotations

import socket

import h2.events
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import LiveConnections
from omen.serving._idle_queue import IdleQueue, Rank
from omen.serving._live import YOUNGEST
from omen.serving._places import _network_of
from omen.serving._wire import Wire
from tests.serving.apps import Bare
from tests.serving.harness import (
    H1Client,
    H2Client,
    MemoryListener,
    Server,
    get,
    post,
    read_all,
    serving,
)


async def kept(server: Server) -> H1Client:
    """Ask on a new connection and keep it, until it is old enough to be closed for another."""
    client = H1Client(await server.connect())
    assert (await client.ask(get("/ok"))).body == b"ok"
    await trio.sleep(YOUNGEST)
    return client


async def test_strangers_that_never_asked_leave_before_kept_connections_the_oldest_first(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=4) as server:
        known = [await kept(server), await kept(server)]
        strangers = []
        for _ in range(2):
            strangers.append(await server.connect())
            await trio.sleep(YOUNGEST)
        await kept(server)
        assert await read_all(strangers[0]) == b""
        await kept(server)
        assert await read_all(strangers[1]) == b""
        await kept(server)  # only kept ones are left: the oldest goes
        assert await read_all(known[0].stream) == b""
        assert (await known[1].ask(get("/ok"))).body == b"ok"
        assert (server.handle.refused, server.handle.evicted) == (0, 3)


async def test_a_busy_connection_is_never_closed_for_a_new_one(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), max_connections=2) as server:
        busy = H1Client(await server.connect())
        await busy.send(get("/held"))
        await app.until(app.begun, "/held")
        for _ in range(5):
            await kept(server)
        app.release.set()
        assert (await busy.answer()).body == b"held"


async def test_a_half_sent_head_is_a_stranger_however_often_it_drips(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=2) as server:
        dripping = await server.connect()
        await dripping.send_all(b"GET /o")
        await trio.sleep(1)
        silent = await server.connect()
        await trio.sleep(1)
        await dripping.send_all(b"k HT")
        await trio.sleep(1)
        await kept(server)
        assert (await read_all(dripping)).startswith(b"HTTP/1.1 408")
        await kept(server)
        assert await read_all(silent) == b""


async def test_one_that_waits_for_its_clients_eof_leaves_before_a_kept_one(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=2, linger=60) as server:
        known = await kept(server)
        answered = await server.connect()
        await answered.send_all(get("/ok", "connection: close"))
        assert (await read_all(answered)).endswith(b"ok")
        await trio.sleep(YOUNGEST)
        await kept(server)
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await trio.sleep(0.1)
                await answered.send_all(b"x")
        assert trio.current_time() < 1  # long before the linger ends
        assert (await known.ask(get("/ok"))).body == b"ok"


async def test_an_http_2_client_learns_by_a_goaway_that_its_idle_connection_was_needed(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=1) as server:
        client = H2Client(await server.connect())
        assert (await client.ask("/ok")).body == b"ok"
        await trio.sleep(YOUNGEST)
        await kept(server)
        await client.until(h2.events.ConnectionTerminated)


async def test_a_place_is_free_at_once_though_its_client_reads_nothing(
    autojump_clock: trio.abc.Clock,
) -> None:
    """A connection that is being closed has no place, so two new ones evict two."""
    async with serving(Bare(), memory=MemoryListener(), max_connections=3) as server:
        for _ in range(3):
            await server.connect()
        await trio.sleep(YOUNGEST)
        new = [H1Client(await server.connect()) for _ in range(3)]
        assert [(await client.ask(get("/ok"))).body for client in new] == [b"ok"] * 3
        assert (server.handle.connections, server.handle.evicted) == (3, 3)


async def test_a_burst_beyond_the_limit_closes_none_that_has_not_had_time_to_ask(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=3) as server:
        burst = [H1Client(await server.connect()) for _ in range(5)]
        await trio.sleep(YOUNGEST / 2)
        answers = [await client.ask(get("/ok")) for client in burst[:3]]
        assert [answer.status for answer in answers] == [200] * 3
        refused = [await read_all(client.stream) for client in burst[3:]]
        assert [b" 503 " in answer for answer in refused] == [True] * 2


async def test_one_whose_request_has_arrived_is_not_closed_though_it_was_not_read_yet() -> None:
    """The bytes are in the kernel; the reading task of the connection has not run."""
    ours, theirs = socket.socketpair()
    wire = Wire(trio.SocketStream(trio.socket.from_stdlib_socket(ours)), write_timeout=1, linger=1)
    seen = [wire.has_arrivals]
    with theirs:
        theirs.send(b"G")
        seen.append(wire.has_arrivals)
    await wire.aclose()
    assert [*seen, wire.has_arrivals] == [False, True, False]


async def test_an_address_at_its_limit_makes_room_among_its_own() -> None:
    async with serving(Bare(), max_connections_per_address=2) as server:
        mine = [await server.connect(), await server.connect()]
        await server.handle.wait_connections(2)
        host, port = server.handle.addresses[0]
        other = H1Client(await trio.open_tcp_stream(host, port, local_address="127.0.0.9"))
        server.opened.append(other.stream)
        assert (await other.ask(get("/ok"))).body == b"ok"
        assert server.handle.evicted == 0
        await trio.sleep(
            YOUNGEST
        )  # the system's clock decides; there is no virtual one for sockets
        await kept(server)
        assert await read_all(mine[0]) == b""
        assert (await other.ask(get("/ok"))).body == b"ok"


async def test_an_address_whose_connections_are_all_busy_gets_503_and_others_do_not() -> None:
    app = Bare()
    async with serving(app, max_connections_per_address=1) as server:
        busy = H1Client(await server.connect())
        await busy.send(get("/held"))
        await app.until(app.begun, "/held")
        assert (await H1Client(await server.connect()).ask(post("/echo", b"x"))).status == 503
        host, port = server.handle.addresses[0]
        other = H1Client(await trio.open_tcp_stream(host, port, local_address="127.0.0.9"))
        server.opened.append(other.stream)
        assert (await other.ask(get("/ok"))).status == 200
        app.release.set()
        assert (await busy.answer()).body == b"held"


async def test_the_connections_of_a_trusted_proxy_are_many_clients() -> None:
    trusted = {"127.0.0.1"}.__contains__
    async with serving(Bare(), max_connections_per_address=1, is_trusted_proxy=trusted) as server:
        clients = [await kept(server) for _ in range(4)]
        assert [(await client.ask(get("/ok"))).status for client in clients] == [200] * 4


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a name", "a name"),
    ],
)
def test_an_ipv6_client_is_its_network(host: str, network: str) -> None:
    assert _network_of(host) == network


def test_the_order_is_by_rank_and_then_by_age() -> None:
    queue: IdleQueue[str] = IdleQueue()
    queue.add("kept", Rank.KEPT, 1)
    queue.add("answered", Rank.ANSWERED, 2)
    for now, name in enumerate(("first", "second", "first")):
        queue.add(name, Rank.STRANGER, now)
    assert [*queue] == [("first", 0), ("second", 1), ("answered", 2), ("kept", 1)]


async def test_an_address_without_connections_is_forgotten() -> None:
    async with serving(Bare(), max_connections_per_address=5) as server:
        client = await kept(server)
        await client.stream.aclose()
        await server.handle.wait_connections(0)
        live = server.handle._live
        assert isinstance(live, LiveConnections)
        assert (live._addresses, len(live._idle), live.placed) == ({}, 0, 0)
