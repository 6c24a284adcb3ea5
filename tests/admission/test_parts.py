"""The parts of admission, each on its own."""

from __future__ import annotations

import pytest

from omen.admission import Aims, Controller
from omen.admission._codel import Codel
from omen.admission._flows import EXPIRY, MOST, Flows
from omen.admission._lag import STANDING, WINDOW, LoopLag
from omen.admission._queue import FairQueue, Waiting
from omen.admission._reserve import (
    AT_ONCE,
    HANDSHAKES_AT_ONCE,
    HANDSHAKES_PER_SECOND,
    PER_SECOND,
    Reserve,
)
from omen.admission._starts import AT_START, FEWEST, StartLimit


def run_passes(lag: LoopLag, seconds: float, count: int, now: float, stolen: float = 0.0) -> float:
    for _ in range(count):
        now += seconds + stolen
        lag.note(now, seconds + stolen, seconds)
    return now


def test_the_lag_of_a_loop_that_is_always_busy_is_the_length_of_its_passes() -> None:
    lag = LoopLag(0.0)
    run_passes(lag, 0.004, 100, 0.0)
    assert lag.standing == pytest.approx(0.004)


def test_one_long_pass_is_no_standing_lag() -> None:
    lag = LoopLag(0.0)
    now = run_passes(lag, 0.0001, 1000, 0.0)
    now = run_passes(lag, 1.0, 1, now)
    assert lag.latest > 0.01
    assert lag.standing == pytest.approx(0.0001)


def test_an_idle_loop_has_no_lag() -> None:
    lag = LoopLag(0.0)
    now = run_passes(lag, 0.005, 100, 0.0)
    lag.note(now + STANDING * WINDOW + 1.0, 0.001, 0.001)
    assert lag.standing == 0.0


def test_time_in_which_another_process_had_the_core_is_no_lag() -> None:
    lag = LoopLag(0.0)
    run_passes(lag, 0.001, 100, 0.0, stolen=0.009)
    assert lag.standing == pytest.approx(0.001)


def test_the_limit_falls_with_the_lag_and_never_below_the_fewest() -> None:
    starts = StartLimit(0.003)
    starts.follow(0.0033)
    assert starts.limit == int(AT_START / 1.1)
    for _ in range(50):
        starts.follow(0.1)
    assert starts.limit == FEWEST


def test_the_limit_grows_while_it_holds_up_requests_that_need_no_processor_time() -> None:
    """A store that hangs holds many requests in their beginning."""
    starts = StartLimit(0.003)
    for _ in range(60):
        while starts.has_room():
            starts.beginning += 1
        starts.follow(0.0001)
    assert starts.limit > 5000
    starts.beginning = 0
    for _ in range(1000):
        starts.follow(0.0001)
    assert starts.limit == AT_START


def test_a_queue_is_overloaded_when_its_oldest_waited_too_long_for_an_interval() -> None:
    codel = Codel(target=0.03, interval=0.1)
    codel.judge(1.0, 0.99)
    codel.judge(1.04, 1.0)
    assert not codel.overloaded
    codel.judge(1.13, 1.09)
    assert not codel.overloaded
    codel.judge(1.141, 1.1)
    assert codel.overloaded
    assert codel.patience == 0.03


def test_one_request_that_waited_less_than_the_target_ends_the_measurement() -> None:
    codel = Codel(target=0.03, interval=0.1)
    codel.judge(1.0, 0.9)
    codel.judge(1.05, 1.04)
    codel.judge(1.11, 1.0)
    assert not codel.overloaded


def test_overload_ends_when_nothing_had_to_be_refused_for_an_interval() -> None:
    codel = Codel(target=0.03, interval=0.1)
    codel.judge(1.0, 0.9)
    codel.judge(1.1, 0.9)
    codel.note_refusal(1.2)
    codel.judge(1.29, None)
    assert codel.overloaded
    codel.judge(1.3, None)
    assert not codel.overloaded


def test_flows_take_turns() -> None:
    queue = FairQueue()
    for flow in (1, 1, 1, 2, 3):
        queue.add(Waiting(flow, 0.0))
    assert [queue.take(newest=False).flow for _ in range(5)] == [1, 2, 3, 1, 1]
    assert (len(queue), queue.flows, queue.oldest()) == (0, 0, None)


def test_the_oldest_or_the_newest_of_a_flow_is_taken() -> None:
    queue = FairQueue()
    for since in (1.0, 2.0, 3.0):
        queue.add(Waiting(1, since))
    assert queue.take(newest=True).since == 3.0
    assert queue.take(newest=False).since == 1.0


def test_what_waited_too_long_leaves_but_one_alone_in_its_flow_has_twice_the_time() -> None:
    queue = FairQueue()
    for flow, since in ((1, 1.0), (1, 1.2), (1, 1.9), (2, 1.2)):
        queue.add(Waiting(flow, since))
    left = [(waiting.flow, waiting.since) for waiting in queue.expire(2.0, 0.5)]
    assert left == [(1, 1.0), (1, 1.2)]
    assert [waiting.flow for waiting in queue.expire(2.4, 0.5)] == [2]
    assert len(queue) == 1


def test_an_accepted_key_has_a_flow_of_its_own_and_an_invented_one_that_of_its_address() -> None:
    flows = Flows()
    flows.accept(b"known", 0.0)
    assert flows.flow(b"known", "1.2.3.4") != flows.flow(b"invented", "1.2.3.4")
    assert flows.flow(b"invented", "1.2.3.4") == flows.flow(None, "1.2.3.4")
    assert flows.flow(b"invented", "1.2.3.4") != flows.flow(b"invented", "1.2.3.5")


def test_the_table_of_keys_is_bounded_and_forgets() -> None:
    flows = Flows()
    for number in range(MOST + 10):
        flows.accept(b"%d" % number, 0.0)
    assert len(flows) == MOST
    flows.accept(b"later", EXPIRY)
    assert len(flows) == 1


def test_some_tls_connections_come_in_while_everything_is_refused() -> None:
    """Any of them may be the operator's: what it asks is encrypted."""
    now = [0.0]
    controller = Full(Aims(), lambda: now[0])
    assert sum(controller.may_shake_hands(1) for _ in range(100)) == HANDSHAKES_AT_ONCE
    now[0] = 0.5
    assert sum(controller.may_shake_hands(1) for _ in range(100)) == HANDSHAKES_PER_SECOND / 2


class Full(Controller):
    """Has no place for any request."""

    def may_come(self, flow: int, *, early: bool = False) -> bool:
        return False


def test_the_reserve_is_bounded() -> None:
    reserve = Reserve(0.0)
    assert sum(reserve.take(0.0) for _ in range(1000)) == AT_ONCE
    assert sum(reserve.take(0.1) for _ in range(1000)) == PER_SECOND / 10
