"""N replicas keep one hedge budget, in virtual time; and each its part while the store is away."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.routing import HedgeBudget
from omen.routing.decide.hedge_leases import INTERVAL_SECONDS, HedgeLeases
from omen.state import BucketReport, MemoryStore, SharedStore, StoreAwayError, open_state
from tests.routing.decide.test_hedging import A, B
from tests.servers import running_redis

SHARE = 0.05
BUCKET = 15
ROUND_TRIP = 0.02
RACE = RaceRecord("r", Plan("speculate_k", (A, B)), 0.0)


class FarStore(MemoryStore):
    """One replica's view of a common store: each call takes a round trip, and it may be away."""

    def __init__(self, common: MemoryStore, name: str, replicas: int) -> None:
        super().__init__(replica=name)
        self.replicas = replicas
        self.is_away = False
        self._common = common

    async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
        await trio.sleep(ROUND_TRIP / 2)
        if self.is_away:
            raise StoreAwayError("it does not answer")
        tokens = self._common.draw_for(self.replica, bucket, report, lease)
        await trio.sleep(ROUND_TRIP / 2)
        return tokens


@dataclass
class Tally:
    """The times of requests and of extra starts, on the virtual clock."""

    requests: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    def share(self) -> float:
        return len(self.starts) / len(self.requests)

    def worst(self, requests: int) -> float:
        """The largest share of extra starts in any so many requests in a row."""
        worst, starts = 0.0, 0
        at = sorted(self.starts)
        first = 0
        for last in range(requests, len(self.requests)):
            until, since = self.requests[last], self.requests[last - requests]
            while starts < len(at) and at[starts] <= until:
                starts += 1
            while at[first : first + 1] and at[first] <= since:
                first += 1
            worst = max(worst, (starts - first) / requests)
        return worst


@dataclass
class Replica:
    """Requests at a rate, of which a part would be hedged: every one, in a brown-out."""

    budget: HedgeBudget
    store: FarStore
    rate: float
    tally: Tally
    chance: random.Random

    async def serve(self, *, slow: float) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(self.rate))
            self.budget.requests += 1
            self.tally.requests.append(trio.current_time())
            if self.chance.random() < slow and self.budget(RACE, B, "hedge") is None:
                self.tally.starts.append(trio.current_time())


def fleet(rates: Sequence[float], seed: int = 1) -> tuple[list[Replica], Tally]:
    common, tally = MemoryStore(), Tally()
    replicas = [
        Replica(
            HedgeBudget(SHARE),
            FarStore(common, f"r{number}", len(rates)),
            rate,
            tally,
            random.Random(seed * 100 + number),
        )
        for number, rate in enumerate(rates)
    ]
    return replicas, tally


async def run_fleet(replicas: list[Replica], seconds: float, slow: float, *, leased: bool) -> None:
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for replica in replicas:
                if leased:
                    leases = HedgeLeases(replica.store, replica.budget)
                    await leases.renew()
                    nursery.start_soon(leases.run)
            for replica in replicas:
                nursery.start_soon(lambda r=replica: r.serve(slow=slow))


UNEVEN = {
    "one replica": [40.0],
    "4 replicas, even": [10.0] * 4,
    "4 replicas, one with nine tenths": [36.0, 2.0, 1.0, 1.0],
    "20 replicas, each half of the one before": [20.0 / 2 ** min(n, 8) for n in range(20)],
}


@pytest.mark.parametrize("rates", UNEVEN.values(), ids=UNEVEN.keys())
async def test_in_a_brown_out_replicas_with_uneven_load_are_within_a_tenth_of_the_knob(
    autojump_clock: MockClock, rates: list[float]
) -> None:
    replicas, tally = fleet(rates)
    await run_fleet(replicas, 300.0, 1.0, leased=True)
    assert len(tally.starts) <= SHARE * len(tally.requests) + BUCKET
    assert tally.worst(3000) <= 1.1 * SHARE + 1e-9
    assert tally.share() >= 0.9 * SHARE


async def test_replicas_that_know_nothing_of_each_other_would_exceed_it(
    autojump_clock: MockClock,
) -> None:
    replicas, tally = fleet(UNEVEN["20 replicas, each half of the one before"])
    await run_fleet(replicas, 100.0, 1.0, leased=False)
    assert tally.worst(3000) > 1.5 * SHARE


async def test_a_tenth_of_slow_requests_meets_the_knob_wherever_they_arrive(
    autojump_clock: MockClock,
) -> None:
    replicas, tally = fleet(UNEVEN["4 replicas, one with nine tenths"])
    await run_fleet(replicas, 300.0, 0.1, leased=True)
    assert 0.9 * SHARE <= tally.share() <= 1.1 * SHARE


async def test_a_quiet_replica_hedges_a_request_as_soon_as_the_lease_is_renewed(
    autojump_clock: MockClock,
) -> None:
    (busy, quiet), _ = fleet([1.0, 1.0])
    leases = [HedgeLeases(replica.store, replica.budget) for replica in (busy, quiet)]
    for _ in range(20):
        busy.budget.requests += 1
        for each in leases:
            await each.renew()
    assert quiet.budget.starts == 0  # it gave its tokens back
    quiet.budget.requests += 1
    await leases[1].renew()
    assert quiet.budget(RACE, B, "hedge") is None


async def test_a_denied_start_gets_its_token_with_the_next_reports(
    autojump_clock: MockClock,
) -> None:
    """Every token is another replica's reserve; two rounds later one is here."""
    replicas, _ = fleet([1.0] * 16)
    leases = [HedgeLeases(replica.store, replica.budget) for replica in replicas]
    for _ in range(3):
        for replica, each in zip(replicas, leases, strict=True):
            replica.budget.requests += 1
            await each.renew()
    poor = next(r for r in replicas if r.budget.starts == 0)
    assert poor.budget(RACE, B, "hedge") is not None
    for _ in range(2):
        for replica, each in zip(replicas, leases, strict=True):
            replica.budget.requests += 1
            await each.renew()
    assert poor.budget(RACE, B, "hedge") is None


async def test_tokens_taken_while_the_answer_is_under_way_are_not_granted_again(
    autojump_clock: MockClock,
) -> None:
    (one,), _ = fleet([1.0])
    leases = HedgeLeases(one.store, one.budget)
    await leases.renew()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leases.renew)
        await trio.sleep(0.75 * ROUND_TRIP)
        assert [one.budget(RACE, B, "hedge") for _ in range(6)] == [None] * 6
    assert one.budget.starts == BUCKET - 6


async def test_what_a_report_gives_back_is_not_taken_while_it_is_under_way(
    autojump_clock: MockClock,
) -> None:
    (one, _), _ = fleet([1.0, 1.0])
    one.budget.lease(BUCKET, one.budget.report(1))
    one.budget.requests += 1
    assert one.budget.report(replicas=2).wanted == 8
    assert sum(one.budget(RACE, B, "hedge") is None for _ in range(50)) == 8


async def test_without_the_store_each_goes_on_with_its_part_and_reports_it_later(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "omen.routing.decide.hedge_leases")
    replicas, _ = fleet([1.0] * 3)
    one = replicas[0]
    leases = HedgeLeases(one.store, one.budget)
    one.budget.requests += 1
    await leases.renew()
    assert one.budget.is_leased
    one.store.is_away = True
    await leases.renew()
    assert not one.budget.is_leased
    assert "one of 3 parts" in caplog.text
    assert sum(one.budget(RACE, B, "hedge") is None for _ in range(50)) == 5  # a third of 15
    one.budget.requests += 20
    assert one.budget(RACE, B, "hedge") is None  # its own requests fill its part
    one.store.is_away = False
    await leases.renew()
    # Of 15 tokens six are gone, and twenty-one requests have added one; a part of five is wanted,
    # and as much as was needed.
    assert one.budget.is_leased
    assert one.budget.starts == min(BUCKET - 6 + 1, BUCKET)


async def test_it_is_a_task_that_renews_four_times_a_second(autojump_clock: MockClock) -> None:
    (one,), _ = fleet([1.0])
    with trio.move_on_after(3 * INTERVAL_SECONDS):
        one.budget.requests += 1
        await HedgeLeases(one.store, one.budget).run()
    assert one.budget.is_leased


async def test_with_a_real_redis_that_hangs_and_comes_back() -> None:
    with running_redis() as server, trio.fail_after(30):
        async with open_state(server.url, patience=0.3, most_bytes=10_000) as store:
            assert isinstance(store, SharedStore)
            budget = HedgeBudget(SHARE)
            leases = HedgeLeases(store, budget)
            budget.requests += 1
            await leases.renew()
            assert (budget.is_leased, budget.starts) == (True, BUCKET)
            server.hang()
            await leases.renew()
            assert (budget.is_leased, store.is_away) == (False, True)
            assert budget(RACE, B, "hedge") is None  # no call is made for it
            server.wake()
            while store.is_away:  # noqa: ASYNC110
                await trio.sleep(0.05)
            budget.requests += 1
            await leases.renew()
            assert (budget.is_leased, budget.starts) == (True, BUCKET - 1)


async def test_the_store_is_asked_seldom_while_nobody_wants_an_extra_start(
    autojump_clock: MockClock,
) -> None:
    """Each call may time out on a busy machine, and then everything shared is local for a while."""
    calls: list[float] = []

    class Counted(MemoryStore):
        async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
            calls.append(trio.current_time())
            return self.draw_for("one", bucket, report, lease)

    budget = HedgeBudget(SHARE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(HedgeLeases(Counted(), budget).run)
        for _ in range(100):
            budget.requests += 1
            await trio.sleep(0.2)
        assert len(calls) <= 11
        quiet = len(calls)
        for _ in range(40):
            budget(RACE, A, "hedge")
            await trio.sleep(0.25)
        assert len(calls) - quiet >= 35
        nursery.cancel_scope.cancel()
