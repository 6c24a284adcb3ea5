"""Redis stopped, hanging and back: each replica goes on with its share, and no cent is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from omen.state import Cap, SharedStore, Window, open_state
from tests.servers import RedisServer, running_redis

MONTH = Cap("month", 1000)
PATIENCE = 0.3
HUNG = 20.0
"""Seconds after which a call hangs. Far more than its own patience."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@asynccontextmanager
async def opened(server: RedisServer) -> AsyncIterator[SharedStore]:
    with trio.fail_after(HUNG):
        async with open_state(server.url, patience=PATIENCE, most_bytes=10_000) as store:
            assert isinstance(store, SharedStore)
            yield store


async def until(store: SharedStore, *, away: bool, replicas: int = 0) -> None:
    while store.is_away is not away or store.replicas < replicas:  # noqa: ASYNC110
        await trio.sleep(0.01)


async def test_replicas_agree(redis: RedisServer) -> None:
    async with opened(redis) as one, opened(redis) as other:
        await one.hold("a", [MONTH], [600], 60)
        assert (await other.hold("b", [MONTH], [600, 400], 60)).granted == 400
        await one.put("session:1", b"openai/m", 60)
        assert await other.get("session:1") == b"openai/m"
        takes = [(await who.take([Window("k", 3)]))[0] for who in (one, other, one, other)]
        assert [state.retry_in is None for state in takes] == [True, True, True, False]


@pytest.mark.parametrize("how", ["stopped", "hanging"])
async def test_while_it_is_away_each_keeps_its_share_and_afterwards_all_is_told(
    redis: RedisServer, how: str
) -> None:
    async with opened(redis) as one, opened(redis) as other:
        await until(one, away=False, replicas=2)
        await until(other, away=False, replicas=2)
        await one.hold("before", [MONTH], [200], 60)
        for _ in range(2):  # what was settled once is not settled again
            await one.settle("before", ["month"], {"month": 200})
        assert await other.spent(["month"]) == [200]
        await other.hold("probe", [MONTH], [1], 60)
        await one.hold("running", [MONTH], [100], 60)

        redis.hang() if how == "hanging" else redis.stop()
        # one knows of 301 that are spent or held: its half of what is left is 349
        assert (await one.hold("c", [MONTH], [400, 349, 10], 60)).granted == 349
        assert one.is_away
        assert (await one.hold("d", [MONTH], [1], 60)).refused_by == "month"
        await one.settle("c", ["month"], {"month": 340})
        await one.settle("running", ["month"], {"month": 90})
        assert [(await one.take([Window("k", 3)]))[0].retry_in is None for _ in range(2)] == [
            True,
            False,
        ]
        assert one.waiting_notes == 2

        redis.wake() if how == "hanging" else redis.start()
        await until(one, away=False)
        assert one.waiting_notes == 0
        assert one.epoch == (1 if how == "stopped" else 0)
        # A server that was stopped had forgotten. Each replica tells it again what it has spent
        # itself; that the books say the same changes nothing.
        assert await one.spent(["month"]) == [630]
        await one.raise_spent({"month": 630}, one.replica)
        assert await one.spent(["month"]) == [630]
        assert (one.outages, one.lost_notes) == (1, 0)

        # The next time it begins anew, with its share of what is left then.
        await one.hold("last", [MONTH], [10], 60)
        redis.hang()
        left = 1000 - 630 - 10 - (1 if how == "hanging" else 0)
        assert (await one.hold("e", [MONTH], [left // 2], 60)).granted == left // 2
        redis.wake()
        await until(one, away=False)


async def test_it_may_be_away_from_the_start(redis: RedisServer) -> None:
    redis.stop()
    async with opened(redis) as store:
        await store.put("a", b"1", 60)
        assert store.is_away
        assert await store.get("a") == b"1"
        assert await store.collect("anything") == {}
        redis.start()
        await until(store, away=False)
        await store.put("a", b"2", 60)
        assert await store.get("a") == b"2"


async def test_of_a_call_that_hangs_nobody_else_waits(redis: RedisServer) -> None:
    async with opened(redis) as store:
        await store.put("a", b"1", 60)
        redis.hang()
        await store.get("a")
        with trio.fail_after(PATIENCE):
            # A hundred calls in the time that one may take: none of them asks Redis.
            for _ in range(100):
                await store.get("a")
        redis.wake()
        await until(store, away=False)


async def test_a_restart_that_nobody_noticed_is_noticed_all_the_same(redis: RedisServer) -> None:
    async with opened(redis) as store:
        await until(store, away=False, replicas=1)
        while store._data_id is None:  # noqa: ASYNC110
            await trio.sleep(0.01)
        redis.stop()
        redis.start()  # before the next heartbeat
        while store.epoch == 0:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_a_settlement_that_is_cut_off_is_told_later(redis: RedisServer) -> None:
    async with opened(redis) as store:
        await store.hold("a", [MONTH], [600], 60)
        redis.hang()
        with trio.move_on_after(PATIENCE / 3) as scope:
            await store.settle("a", ["month"], {"month": 500})
        assert scope.cancelled_caught
        assert store.waiting_notes == 1
        redis.wake()
        while store.waiting_notes:  # noqa: ASYNC110
            await trio.sleep(0.01)
        await until(store, away=False)
        assert await store.spent(["month"]) == [500]
