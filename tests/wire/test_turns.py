"""No more than so many exchanges at one origin; the rest wait, first come, first served."""

from __future__ import annotations

import gc

import httpx
import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from omen.wire.transport import Origin, Transport
from tests.wire.scripted import OK, URL, ScriptedUpstream, ask, post

A = "http://a.test"


class Held:
    """An upstream that answers each request when it is told to, and knows in which order."""

    def __init__(self, nursery: trio.Nursery, **options: float) -> None:
        self._nursery = nursery
        self.transport = Transport(dial=self._dial, **options)  # type: ignore[arg-type]
        self.asked: list[bytes] = []
        self._may_answer = trio.Semaphore(0)

    def let_go(self, count: int = 1) -> None:
        for _ in range(count):
            self._may_answer.release()

    async def _dial(self, origin: Origin) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        await trio.lowlevel.checkpoint()
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        while data := await stream.receive_some():
            self.asked.append(bytes(data.split(b" ")[1]))
            await self._may_answer.acquire()
            try:
                await stream.send_all(OK)
            except trio.BrokenResourceError:
                return


def states(transport: Transport) -> list[bool]:
    return [exchange.waiting for exchange in transport.exchanges]


async def test_beyond_the_limit_requests_wait_and_are_served_in_their_order(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    held = Held(nursery, max_in_use_per_origin=2)
    for number in range(5):
        nursery.start_soon(ask, held.transport, post(f"{A}/{number}"))
        await wait_all_tasks_blocked()
    assert held.asked == [b"/0", b"/1"]
    assert states(held.transport) == [False, False, True, True, True]
    assert repr(held.transport) == "<Transport: 5 in use (3 waiting), 0 idle>"
    for served in range(3, 6):
        held.let_go()
        await wait_all_tasks_blocked()
        assert held.asked == [b"/%d" % number for number in range(min(served, 5))]
    held.let_go(2)
    await wait_all_tasks_blocked()
    assert (held.transport.sockets_in_use, held.transport.sockets_idle) == (0, 2)


async def test_who_waits_at_one_origin_holds_up_nobody_at_another(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    held = Held(nursery, max_in_use_per_origin=1)
    for path in ("/0", "/1"):
        nursery.start_soon(ask, held.transport, post(A + path))
        await wait_all_tasks_blocked()
    for other in ("https://a.test", "http://b.test", "http://a.test:81"):
        nursery.start_soon(ask, held.transport, post(other + "/other"))
        await wait_all_tasks_blocked()
    assert held.asked == [b"/0", b"/other", b"/other", b"/other"]
    nursery.cancel_scope.cancel()


async def test_the_next_one_takes_the_connection_that_the_last_one_left(
    nursery: trio.Nursery, upstream: ScriptedUpstream, autojump_clock: trio.abc.Clock
) -> None:
    transport = Transport(dial=upstream.dial, max_in_use_per_origin=1)
    nursery.start_soon(upstream.serve, OK, OK, OK)
    async with trio.open_nursery() as asking:
        for _ in range(3):
            asking.start_soon(ask, transport)
    assert upstream.dialled == 1


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        ({}, 10.0),
        ({"timeout": {"pool": 2.0}}, 2.0),
        ({"timeout": {"pool": 0.0}}, 0.0),
        ({"timeout": {"pool": None, "connect": 3.0}}, 10.0),
    ],
)
async def test_waiting_is_bounded(
    nursery: trio.Nursery,
    timeouts: dict[str, dict[str, float]],
    expected: float,
    autojump_clock: trio.abc.Clock,
) -> None:
    held = Held(nursery, max_in_use_per_origin=1)
    nursery.start_soon(ask, held.transport)
    await wait_all_tasks_blocked()
    with pytest.raises(httpx.PoolTimeout):
        await ask(held.transport, httpx.Request("GET", URL, extensions=timeouts))
    assert trio.current_time() == expected
    assert held.transport.sockets_in_use == 1
    held.let_go()
    await wait_all_tasks_blocked()
    held.let_go()
    assert await ask(held.transport) == b"ok"


async def test_the_wait_for_a_turn_is_not_taken_from_the_time_for_connecting(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    transport = Transport(dial=dial, max_in_use_per_origin=1)

    async def ask_in_vain(pool: float) -> None:
        request = httpx.Request("GET", URL, extensions={"timeout": {"pool": pool}})
        with pytest.raises(httpx.ConnectTimeout):
            await ask(transport, request)
        ended.append(trio.current_time())

    ended: list[float] = []
    async with trio.open_nursery() as asking:
        asking.start_soon(ask_in_vain, 15.0)
        asking.start_soon(ask_in_vain, 15.0)
    assert ended == [10.0, 20.0]


async def test_a_free_turn_costs_no_checkpoint(
    upstream: ScriptedUpstream, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    """Between the call and the first byte nothing but the dial (or nothing at all) may wait."""
    transport = Transport(dial=upstream.dial, max_in_use_per_origin=1)
    order: list[str] = []

    async def dial(origin: Origin) -> trio.abc.Stream:
        order.append("dial")
        return await upstream.dial(origin)

    transport._dial = dial

    async def bystander() -> None:
        order.append("somebody else's turn")

    nursery.start_soon(upstream.serve, OK)
    await wait_all_tasks_blocked()
    nursery.start_soon(bystander)
    await ask(transport)
    assert order == ["dial", "somebody else's turn"]


async def test_nothing_is_remembered_of_an_origin_that_nobody_uses(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    held = Held(nursery, max_in_use_per_origin=1, idle_expiry=5.0)
    held.let_go(1000)
    for number in range(50):
        await ask(held.transport, post(f"http://{number}.forgotten.test/"))
        with trio.CancelScope() as scope:
            scope.cancel()
            await ask(held.transport, post(f"http://cancelled-{number}.forgotten.test/"))
    with pytest.raises(httpx.LocalProtocolError):
        await ask(held.transport, post("http://unwritable.forgotten.test/", X="a\nb"))
    await trio.sleep(5)
    await ask(held.transport, post(f"{A}/"))  # this one finds the idle connections expired
    await wait_all_tasks_blocked()
    gc.collect()
    origins = [thing for thing in gc.get_objects() if isinstance(thing, Origin)]
    assert not [origin for origin in origins if "forgotten" in origin.host]


async def test_a_closed_transport_refuses_those_that_wait_when_their_turn_comes(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    held = Held(nursery, max_in_use_per_origin=1)
    response: list[bytes] = []

    async def first() -> None:
        response.append(await ask(held.transport))

    async def second() -> None:
        with pytest.raises(httpx.ConnectError, match="closed"):
            await ask(held.transport)
        response.append(b"refused")

    for task in (first, second):
        nursery.start_soon(task)
        await wait_all_tasks_blocked()
    await held.transport.aclose()
    held.let_go()
    await wait_all_tasks_blocked()
    assert response == [b"ok", b"refused"]
    assert repr(held.transport) == "<Transport: closed, 0 in use (0 waiting), 0 idle>"


async def test_the_owner_of_an_exchange_is_who_the_request_says(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    held = Held(nursery, max_in_use_per_origin=1)
    mine = object()
    nursery.start_soon(ask, held.transport, post(A))
    await wait_all_tasks_blocked()
    request = httpx.Request("GET", A, extensions={"omen.owner": mine})
    nursery.start_soon(ask, held.transport, request)
    await wait_all_tasks_blocked()
    first, second = held.transport.exchanges
    assert (first.origin, first.owner) == (Origin("http", "a.test", 80), None)
    assert (second.owner, second.waiting) == (mine, True)
    assert "object" not in repr(second)
    nursery.cancel_scope.cancel()
