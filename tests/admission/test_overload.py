"""A gateway that is offered more than it can answer, in virtual time; see `model`."""

from __future__ import annotations

from itertools import count
from math import inf

import pytest

from omen.admission import Pressure
from omen.admission._durations import Durations
from tests.admission.model import HEAD, LATE, PEAK, Model, poisson

UNLOADED_P99 = 0.062


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("times", [0.1, 0.5, 0.8, 0.9])
def test_below_the_peak_nobody_is_refused(times: float, at_once: bool) -> None:
    model = Model(begins_at_once=at_once)
    model.offer(poisson(times * PEAK, 0.0, 5.0))
    assert (model.refused, model.refused_late) == (0, 0)


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("times", [1.5, 2.0, 5.0])
def test_in_overload_all_time_that_refusals_leave_is_used_and_answers_come_soon(
    times: float, at_once: bool
) -> None:
    """Also if a request needs no wait before its attempt, so that none is seen as beginning."""
    model = Model(begins_at_once=at_once)
    model.offer(poisson(times * PEAK, 0.0, 5.0))
    left = 1.0 - (model.refused * HEAD + model.refused_late * LATE) / 5.0
    assert model.goodput(1.0, 5.0) >= 0.93 * left * PEAK
    assert model.percentile(0.99, since=0.5) <= 2 * UNLOADED_P99 + 0.05


@pytest.mark.parametrize("at_once", [False, True])
def test_refusals_come_from_the_head_alone(at_once: bool) -> None:
    model = Model(begins_at_once=at_once)
    model.offer(poisson(5 * PEAK, 0.0, 5.0))
    assert model.refused_late < 0.06 * model.refused


def test_without_a_limit_the_same_load_makes_everybody_wait_for_seconds() -> None:
    model = Model()
    model.controller._is_running = False
    model.offer(poisson(2 * PEAK, 0.0, 5.0))
    assert model.percentile(0.5) > 2.0


def test_it_is_back_to_normal_within_a_second() -> None:
    model = Model()
    model.offer(poisson(10 * PEAK, 0.0, 3.0), until=3.0)
    assert model.controller.pressure is Pressure.REFUSING
    model.offer([], until=3.1)
    refused = model.refused + model.refused_late
    model.offer(poisson(0.3 * PEAK, 3.1, 4.0))
    assert model.controller.pressure is Pressure.NORMAL
    late = [came for came, took, _ in model.answered if came >= 3.5 and took > 0.07]
    assert (model.refused + model.refused_late, late) == (refused, [])


@pytest.mark.parametrize("upstream", [0.05, 30.0])
def test_a_slow_upstream_is_no_overload(upstream: float) -> None:
    model = Model(upstream=lambda: upstream)
    model.offer(poisson(0.8 * PEAK, 0.0, 12.0))
    assert (model.refused, model.refused_late) == (0, 0)
    assert len(model.answered) > 5000


def test_a_burst_that_drains_is_no_overload() -> None:
    model = Model()
    model.offer([*poisson(0.3 * PEAK, 0.0, 1.0), *((1.0, 0) for _ in range(40))])
    assert (model.refused, model.refused_late) == (0, 0)


def test_a_core_that_others_use_as_well_does_not_starve_the_gateway() -> None:
    """Half of every pass is lost. Half the peak is the most that can be answered then."""
    passes = count()
    model = Model(stolen=lambda: 0.01 if next(passes) % 5 == 0 else 0.0)
    model.offer(poisson(1.5 * PEAK, 0.0, 5.0))
    assert model.controller.limit >= 8
    assert model.goodput(1.0, 5.0) >= 0.4 * PEAK


@pytest.mark.parametrize("stolen", [0.0, 0.02])
@pytest.mark.parametrize("upstream", [0.0, 0.05, 2.0])
def test_clients_that_each_wait_for_their_answer_are_not_refused_while_they_are_few(
    upstream: float, stolen: float
) -> None:
    """With `stolen` other processes have the core for most of the time."""
    model = Model(upstream=lambda: upstream, stolen=lambda: stolen, asks_again=True)
    model.offer([(0.0, 0)] * 64, until=5.0)
    assert (model.refused, model.refused_late) == (0, 0)
    assert len(model.answered) >= 64
    assert max(took for _, took, _ in model.answered) < upstream + 1.5


def test_one_caller_cannot_take_it_all() -> None:
    model = Model()
    greedy, modest = poisson(5 * PEAK, 0.0, 4.0, flow=1), poisson(20, 0.0, 4.0, flow=2, seed=2)
    model.offer(sorted(greedy + modest))
    came = len([at for at, _ in modest if at >= 0.5])
    answered = [took for at, took, flow in model.answered if flow == 2 and at >= 0.5]
    assert len(answered) >= 0.97 * came
    assert model.percentile(0.99, since=0.5, flow=2) <= 2 * UNLOADED_P99 + 0.05


def test_races_shrink_before_anybody_is_refused() -> None:
    """The pressure rises with the load, and reaches the first two levels without a refusal."""
    seen: dict[Pressure, int] = {}
    model = Model()
    note = model.controller.note_pass

    def watch(seconds: float, cpu: float) -> None:
        note(seconds, cpu)
        seen.setdefault(model.controller.pressure, model.refused + model.refused_late)

    model.controller.note_pass = watch  # type: ignore[method-assign]
    ramp = [poisson(x / 10 * PEAK, x, x + 1.0, seed=x) for x in range(1, 16)]
    model.offer([arrival for second in ramp for arrival in second])
    assert seen[Pressure.NO_HEDGES] == seen[Pressure.SINGLE] == 0
    assert Pressure.REFUSING in seen


def test_slow_streams_that_come_at_once_all_begin() -> None:
    """They need their seconds of processor time once, and their callers can wait for them."""
    model = Model(upstream=lambda: 60.0)
    model.offer([(0.001 * (number % 2), 0) for number in range(5000)])
    assert (model.refused, model.refused_late, len(model.answered)) == (0, 0, 5000)
    assert model.percentile(0.99) < 60.0 + 10.0


def test_how_long_requests_take_is_known_before_the_long_ones_end() -> None:
    durations = Durations(0.0)
    assert durations.mean(0.0) == inf
    for number in range(100):
        durations.note_start(number / 10)
        durations.note_end(number / 10 + 0.05)
    assert durations.mean(10.0) == pytest.approx(0.05)
    for _ in range(1000):
        durations.note_start(10.0)
    assert durations.mean(12.0) > 40.0
    assert durations.mean(60.0) == inf
