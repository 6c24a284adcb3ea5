"""What only a store in Redis has to do: calls that come late, other replicas, a new memory."""

from __future__ import annotations

import pytest
import trio

from omen.state import Cap, StoreAwayError, Window
from omen.state.redis import RedisStore, open_redis
from tests.servers import RedisServer

MONTH = Cap("month", 1000)


async def flushed(store: RedisStore) -> None:
    await store._client.flushall()


async def test_a_call_is_made_again_while_others_are_answered_and_counts_once(
    redis: RedisServer,
) -> None:
    """A busy gateway meets its own slowness so."""
    async with open_redis(redis.url, "one", 5.0) as store:
        await flushed(store)
        made = 0

        async def slow_call() -> object:
            nonlocal made
            made += 1
            # It is done, and its answer lies somewhere; meanwhile others have theirs.
            answer = await store._take(["{omen}:once:x", "{omen}:rate:k"], [1, 10, 1, ""])
            if made < 4:
                store._call._answers += 1
                raise TimeoutError
            return answer

        await store._call(slow_call)
        assert made == 4
        assert (await store.take([Window("k", 10, 0)]))[0].left == 9


async def test_a_hold_that_comes_behind_a_later_one_changes_nothing(redis: RedisServer) -> None:
    """It was sent first, on another connection, to a server that hung."""
    async with open_redis(redis.url, "one", 5.0) as store:
        await flushed(store)
        await store.hold("a", [MONTH], [100], 60)
        store._sequence = iter([0])  # type: ignore[assignment]
        await store.hold("a", [MONTH], [900], 60)
        async with open_redis(redis.url, "two", 5.0) as other:
            assert (await other.hold("b", [MONTH], [900], 60)).granted == 900


async def test_replicas_know_what_the_others_have_spent_and_hold(redis: RedisServer) -> None:
    async with open_redis(redis.url, "one", 5.0) as one, open_redis(redis.url, "two", 5.0) as two:
        await flushed(one)
        await one.settle("a", [], {"month": 100})
        await two.settle("b", [], {"month": 20})
        await one.hold("c", [MONTH], [300], 60)
        await two.hold("d", [MONTH], [50], 60)
        await one.hold("c", [MONTH], [310], 60)
        assert one.known["month"] == (20, 50)
        assert two.known["month"] == (100, 300)
        await one.settle("c", ["month"], {"month": 1})
        await two.settle("d", ["month"], {"month": 0})
        assert two.known["month"] == (101, 0)


async def test_in_a_memory_of_another_name_nothing_is_held(redis: RedisServer) -> None:
    """It would be granted money that was spent before the memory was lost."""
    async with open_redis(redis.url, "one", 5.0) as store:
        await flushed(store)
        await store.data_id()
        assert (await store.hold("a", [MONTH], [900], 60)).granted == 900
        await flushed(store)
        with pytest.raises(StoreAwayError, match="lost its data"):
            await store.hold("b", [MONTH], [900], 60)
        await store.data_id()
        assert (await store.hold("b", [MONTH], [900], 60)).granted == 900


async def test_what_is_spent_counts_by_replica_whatever_is_lost(redis: RedisServer) -> None:
    """An answer, a call, or the last moments of a server that was restored from a snapshot."""
    async with open_redis(redis.url, "one", 5.0) as one, open_redis(redis.url, "two", 5.0) as two:
        await flushed(one)
        await one.settle("a", [], {"month": 100})
        await two.settle("b", [], {"month": 7})
        await one._client.hset("{omen}:budget:month:by", {"one": 60})
        await one._client.set("{omen}:budget:month:spent", 67)
        await one.settle("c", [], {"month": 1})
        assert await two.spent(["month"]) == [108]


async def test_a_version_that_named_no_replica_is_counted_with(redis: RedisServer) -> None:
    async with open_redis(redis.url, "one", 5.0) as store:
        await flushed(store)
        await store._client.set("{omen}:budget:month:spent", 500)
        await store.settle("a", [], {"month": 3})
        await store.raise_spent({"month": 480}, "")
        assert await store.spent(["month"]) == [503]
        await store.raise_spent({"month": 510}, "")
        assert await store.spent(["month"]) == [513]
        assert (await store.hold("b", [MONTH], [488, 487], 60)).granted == 487


async def test_what_replicas_said_that_are_gone_is_forgotten(redis: RedisServer) -> None:
    """Core defect 24. A hash of thirty dead replicas' histograms was read all the time."""
    async with open_redis(redis.url, "alive", 5.0) as alive:
        await flushed(alive)
        for number in range(30):
            async with open_redis(redis.url, f"gone{number}", 5.0) as gone:
                await gone.publish("upstreams", b"x" * 1000, 0.05)
        await alive.publish("upstreams", b"\0binary\n \xff", 60)
        await trio.sleep(0.1)
        assert await alive.collect("upstreams") == {"alive": b"\0binary\n \xff"}
        assert await alive._client.hlen("{omen}:told:upstreams") == 1


async def test_nothing_is_left_of_budgets_in_which_nothing_is_held(redis: RedisServer) -> None:
    async with open_redis(redis.url, "one", 5.0) as store:
        await flushed(store)
        for number in range(20):
            await store.hold(f"r{number}", [MONTH], [10], 60)
            await store.hold(f"r{number}", [MONTH], [20], 60)
        for number in range(20):
            await store.settle(f"r{number}", ["month"], {"month": 1})
        names = {key.decode() async for key in store._client.scan_iter("{omen}:budget:*")}
        assert names == {"{omen}:budget:month:spent", "{omen}:budget:month:by"}
        assert store._scopes_of == {}
