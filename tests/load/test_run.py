"""Schedules, intended starts and lag, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from random import Random

import pytest
import trio

from omen.load.options import parse_objective
from omen.load.results import Results, Sample
from omen.load.run import Asker, Lane, Load, run
from omen.load.schedule import Arrivals, Extent, offsets


class Slow:
    """An endpoint that takes a fixed time for each request."""

    def __init__(self, seconds: float, log: list[float]) -> None:
        self._seconds, self._log = seconds, log

    async def ask(self, body: bytes, sample: Sample) -> None:
        self._log.append(trio.current_time())
        try:
            await trio.sleep(self._seconds)
            sample.first = sample.last = trio.current_time()
            sample.tokens = 1
        finally:
            sample.ended = trio.current_time()

    def close(self) -> None:
        pass


class FakeLane(Lane):
    def __init__(self, load: Load, seconds: float = 0.5, slo: Iterable[str] = ()) -> None:
        super().__init__(repeat(b""), Results([parse_objective(text) for text in slo]), load)
        self.seconds, self.log = seconds, list[float]()

    def make(self) -> Asker:
        return Slow(self.seconds, self.log)


@pytest.mark.parametrize("arrivals", ["constant", "poisson", "gamma"])
def test_every_kind_of_arrivals_has_the_asked_rate(arrivals: Arrivals) -> None:
    times = list(offsets(arrivals, 100.0, Extent(seconds=200.0), Random(1)))
    assert len(times) == pytest.approx(20_000, rel=0.05)
    assert times == sorted(times)


def test_blocks_of_several_rounds_are_together_as_long_as_asked() -> None:
    assert [block.requests for block in Extent(requests=7).split(3)] == [3, 2, 2]


async def test_an_open_loop_does_not_wait_for_answers(autojump_clock: trio.abc.Clock) -> None:
    load = Load(Extent(requests=4), rate=10.0, arrivals="constant", warmup=0)
    lane = FakeLane(load)
    began = trio.current_time()
    await run([lane], load)
    assert [at - began for at in lane.log] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert lane.results.seconds == pytest.approx(0.8)


async def test_a_closed_loop_waits_for_answers(autojump_clock: trio.abc.Clock) -> None:
    load = Load(Extent(requests=4), concurrency=2, warmup=1)
    lane = FakeLane(load)
    began = trio.current_time()
    await run([lane], load)
    assert [at - began for at in lane.log] == pytest.approx([0.0, 0.5, 0.5, 1.0, 1.0])
    assert lane.results.requests == 4


async def test_arms_take_turns(autojump_clock: trio.abc.Clock) -> None:
    load = Load(Extent(requests=4), warmup=0, rounds=2)
    one, other = FakeLane(load, 1.0), FakeLane(load, 1.0)
    began = trio.current_time()
    await run([one, other], load)
    assert [at - began for at in one.log] == pytest.approx([0, 1, 4, 5])
    assert [at - began for at in other.log] == pytest.approx([2, 3, 6, 7])


async def test_what_exceeds_the_bound_in_flight_is_counted_and_misses_the_objective(
    autojump_clock: trio.abc.Clock,
) -> None:
    load = Load(Extent(requests=4), rate=10.0, arrivals="constant", warmup=0, most_in_flight=2)
    lane = FakeLane(load, slo=["ttft=1s,p99"])
    await run([lane], load)
    assert lane.results.errors == {"not_sent": 2}
    assert lane.results.met() == [False]


async def test_a_request_that_takes_too_long_is_a_timeout(autojump_clock: trio.abc.Clock) -> None:
    load = Load(Extent(requests=1), warmup=0, timeout=0.1)
    lane = FakeLane(load)
    await run([lane], load)
    assert lane.results.errors == {"timeout": 1}


def test_latency_counts_from_the_intended_start_and_a_late_start_is_told() -> None:
    results = Results([])
    results.add(Sample(intended=1.0, started=3.0, first=4.0, ended=4.0))
    assert results.quantile("ttft", 50) == pytest.approx(3.0, rel=1e-3)
    assert results.fell_behind
