"""An attempt without a connection has sent nothing, and costs nothing, however it ends."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config.settings import Price
from omen.core.frames import WireRequest
from omen.wire.transport import Origin, Transport
from omen.wire.upstream import open_response
from tests.wire.scripted import OK, ScriptedUpstream
from tests.world import open_world, upstream

PRICE = Price(input=Decimal(1), output=Decimal(2))


async def swallowed() -> trio.abc.Stream:
    await trio.sleep_forever()
    raise AssertionError("unreachable")


async def refused() -> trio.abc.Stream:
    await trio.lowlevel.checkpoint()
    raise ConnectionRefusedError


@pytest.mark.parametrize("dial", [swallowed, refused])
@pytest.mark.parametrize("strategy", ["single", "race", "speculate_k", "parallel_merge"])
async def test_it_costs_exactly_nothing(
    autojump_clock: MockClock, dial: object, strategy: str
) -> None:
    fleet = (upstream("lost"), upstream("good"))
    dials = {"lost": dial}
    async with open_world(*fleet, price=PRICE, dials=dials) as world:  # type: ignore[arg-type]
        received = await world.ask(model="lost/m,good/m", strategy=strategy, k=2)
        assert received.error is None
        lost = [a for a in received.race.attempts if a.candidate.provider == "lost"]
        assert lost
        costs = [(a.unsent, a.cost.usd, a.cost.provenance) for a in lost]
        assert costs == [(True, 0, "exact")] * len(lost)


async def test_a_loser_whose_request_was_sent_has_a_cost(autojump_clock: MockClock) -> None:
    fleet = (upstream("slow", first_token=9.0), upstream("good"))
    async with open_world(*fleet, price=PRICE) as world:
        received = await world.ask(model="slow/m,good/m", strategy="race", k=2)
        (slow,) = [a for a in received.race.attempts if a.candidate.provider == "slow"]
        assert (slow.outcome, slow.unsent) == ("lost", False)
        assert slow.cost.usd is not None
        assert slow.cost.usd > 0


async def test_the_transport_tells_when_a_request_can_have_arrived(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Also over a kept connection, and over a new one in place of a kept one that was closed."""
    upstream_ = ScriptedUpstream()

    async def dial(origin: Origin) -> trio.abc.Stream:
        told.append("dial")
        return await upstream_.dial(origin)

    told: list[object] = []
    transport = Transport(dial=dial)

    async def ask() -> None:
        request = WireRequest("POST", "http://upstream.test/v1", {}, b"{}")
        async with open_response(transport, request, None, told.append) as response:
            await response.read_body()

    async def serve(times: int) -> None:
        server = await upstream_.accept()
        for _ in range(times):
            await server.read_request()
            await server.stream.send_all(OK)
        if times > 1:
            await server.read_request()
            await server.stream.aclose()

    nursery.start_soon(serve, 2)
    await ask()
    await ask()
    assert told == [True, "dial", False, True, False]
    told.clear()
    nursery.start_soon(serve, 1)
    await ask()
    assert told == [True, False, True, "dial", False]
    await transport.aclose()


async def test_a_foreign_transport_does_not_tell_and_the_request_counts_as_sent() -> None:
    told: list[bool] = []
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    request = WireRequest("POST", "http://upstream.test/v1", {}, b"{}")
    async with open_response(transport, request, None, told.append):
        assert told == []
