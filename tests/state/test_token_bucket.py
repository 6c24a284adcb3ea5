"""One token bucket of all replicas: what they take together never exceeds it."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from omen.state import MILLIONTHS, BucketReport, Store
from omen.state._token_bucket import KEEP_SECONDS, TokenBucket
from omen.state.redis import open_redis
from tests.servers import RedisServer
from tests.workers.links import running_hub, socket_store

LEASE = 10.0
TEN = 10 * MILLIONTHS


def report(added: float = 0, taken: int = 0, needed: int = 0, wanted: int = 0) -> BucketReport:
    return BucketReport(TEN, round(added * MILLIONTHS), taken, needed, max(needed, wanted))


class TestInEveryStore:
    async def test_it_begins_full_and_grants_what_is_wanted_up_to_its_size(
        self, store: Store
    ) -> None:
        assert await store.draw("b", report(wanted=4), LEASE) == 4
        assert await store.draw("b", report(wanted=40), LEASE) == 10

    async def test_totals_count_once_however_often_they_are_reported(self, store: Store) -> None:
        for _ in range(3):
            assert await store.draw("b", report(added=2.5, taken=9, wanted=10), LEASE) == 3
        assert await store.draw("b", report(added=4.5, taken=9, wanted=10), LEASE) == 5
        assert await store.draw("b", report(added=99, taken=9, wanted=40), LEASE) == 10

    async def test_what_was_taken_without_a_lease_is_a_debt_of_one_bucket_at_most(
        self, store: Store
    ) -> None:
        assert await store.draw("b", report(taken=500, wanted=10), LEASE) == 0
        assert await store.draw("b", report(added=10.5, taken=500, wanted=10), LEASE) == 0
        assert await store.draw("b", report(added=11.5, taken=500, wanted=10), LEASE) == 1

    async def test_a_lease_that_is_not_renewed_counts_as_taken(self, store: Store) -> None:
        assert await store.draw("b", report(wanted=4), 0.05) == 4
        await trio.sleep(0.1)
        assert await store.draw("b", report(wanted=10), LEASE) == 6
        # What it then has really taken is no more than that.
        assert await store.draw("b", report(taken=4, wanted=10), LEASE) == 6
        assert await store.draw("b", report(taken=5, wanted=10), LEASE) == 5

    async def test_buckets_of_other_names_are_others(self, store: Store) -> None:
        await store.draw("b", report(taken=10), LEASE)
        assert await store.draw("c", report(wanted=10), LEASE) == 10


async def test_workers_have_leases_of_their_own(tmp_path: Path) -> None:
    async with (
        running_hub(tmp_path) as hub,
        socket_store(hub, 1, "one") as one,
        socket_store(hub, 2, "two") as two,
    ):
        assert await one.draw("b", report(wanted=7), LEASE) == 7
        assert await two.draw("b", report(wanted=7), LEASE) == 3


def test_a_replica_that_lacks_tokens_gets_them_from_anothers_reserve() -> None:
    bucket = TokenBucket(TEN)
    assert bucket.draw("quiet", report(wanted=10), LEASE, 0.0) == 10
    assert bucket.draw("busy", report(needed=4), LEASE, 0.0) == 0
    assert bucket.draw("quiet", report(wanted=10), LEASE, 0.0) == 6
    assert bucket.draw("busy", report(needed=4), LEASE, 0.0) == 4


def test_an_idle_replica_does_not_keep_the_bucket_from_filling_for_others() -> None:
    bucket = TokenBucket(TEN)
    bucket.draw("quiet", report(wanted=10), LEASE, 0.0)
    bucket.draw("quiet", report(wanted=0), LEASE, 0.0)
    assert bucket.draw("busy", report(wanted=10), LEASE, 0.0) == 10


def test_a_replica_that_died_is_forgotten_in_the_end() -> None:
    bucket = TokenBucket(TEN)
    for number in range(5):
        bucket.draw(f"dead {number}", report(wanted=1), LEASE, 0.0)
    bucket.draw("one", report(), LEASE, LEASE + KEEP_SECONDS)
    assert set(bucket.shares) == {"one"}
    assert bucket.level == 5 * MILLIONTHS


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["ask", "ask", "answer lost", "asked twice", "take", "take", "pause"]),
        st.integers(0, 12),
    ),
    max_size=80,
)


@given(steps=STEPS)
def test_replicas_together_take_no_more_than_the_bucket_and_what_was_added(
    steps: list[tuple[str, str, int]],
) -> None:
    """Each takes leased tokens only. Calls repeated, and calls whose answer is lost, add nothing.

    A pause ends leases: a replica whose lease is over takes nothing until it asks.
    """
    bucket, now = TokenBucket(TEN), 0.0
    added, taken = defaultdict[str, float](float), defaultdict[str, int](int)
    leases: dict[str, tuple[int, float]] = {}
    for who, what, number in steps:
        tokens, until = leases.get(who, (0, 0.0))
        if what == "take":
            more = min(number, tokens) if until > now else 0
            taken[who] += more
            leases[who] = (tokens - more, until)
        elif what == "pause":
            now += number
        else:
            added[who] += number / 4
            asked = report(added[who], taken[who], number // 2, number)
            got = bucket.draw(who, asked, LEASE, now)
            if what == "asked twice":
                got = bucket.draw(who, asked, LEASE, now)
            # Without the answer it has to suppose the worst: that it has none.
            leases[who] = (0, now) if what == "answer lost" else (got, now + LEASE)
        assert sum(taken.values()) <= 10 + sum(added.values())


@pytest.mark.parametrize("seed", range(3))
async def test_the_script_in_redis_grants_the_same(redis: RedisServer, seed: int) -> None:
    chance, bucket = random.Random(seed), TokenBucket(TEN)
    added, taken = defaultdict[str, float](float), defaultdict[str, int](int)
    names = ["a", "b", "c"]
    async with (
        open_redis(redis.url, "a", 5.0) as a,
        open_redis(redis.url, "b", 5.0) as b,
        open_redis(redis.url, "c", 5.0) as c,
    ):
        await a._client.flushall()
        stores = dict(zip(names, (a, b, c), strict=True))
        for _ in range(150):
            who = chance.choice(names)
            added[who] += chance.choice([0, 0.05, 3.7])
            taken[who] += chance.choice([0, 0, 1, 5])
            asked = report(added[who], taken[who], chance.randrange(4), chance.randrange(12))
            here = bucket.draw(who, asked, 1000.0, 0.0)
            assert await stores[who].draw("b", asked, 1000.0) == here
