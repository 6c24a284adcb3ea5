"""A strategy that breaks its contract is reported as the strategy's own fault."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO, TextIOWrapper

import pytest
import trio
from trio.testing import MockClock

from omen.cli._screen import TextScreen
from omen.core.candidates import Candidate, Endpoint
from omen.core.errors import FailureKind, StrategyFault, UpstreamFailure
from omen.core.events import Event, TextDelta
from omen.core.plan import OpenAttempt, Output, Plan, Strategy
from omen.core.records import RaceRecord
from omen.race.engine import run_race

CANDIDATE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")


class Nowhere:
    async def send(self, events: Sequence[Event]) -> None:
        """Drop the events."""


class Broken:
    async def send(self, events: Sequence[Event]) -> None:
        raise trio.BrokenResourceError("the client's socket")


def no_attempt(candidate: Candidate) -> object:
    raise AssertionError("nothing should be opened")


async def returns(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    return CANDIDATE


async def raises(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    raise KeyError("secret words of a prompt")


async def raises_in_a_task(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    async def task() -> None:
        raise ZeroDivisionError("secret words of a prompt")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(task)
        await trio.lowlevel.checkpoint()
    return CANDIDATE


async def fails(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    raise UpstreamFailure(FailureKind.TIMEOUT, "too slow")


async def sends(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    await output.send([TextDelta("x")])
    return CANDIDATE


async def run(strategy: Strategy, output: Output | None = None) -> None:
    race = RaceRecord("id", Plan("mine", (CANDIDATE,)), trio.current_time())
    await run_race(race, strategy, no_attempt, output or Nowhere())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (returns, "the strategy mine has a fault: it returned without a commit"),
        (raises, "the strategy mine has a fault: KeyError at test_faults.py:"),
        (
            raises_in_a_task,
            "the strategy mine has a fault: ZeroDivisionError at test_faults.py:",
        ),
    ],
)
async def test_its_name_and_place_are_told_and_none_of_its_words(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    strategy: Strategy,
    words: str,
) -> None:
    with pytest.raises(StrategyFault) as caught:
        await run(strategy)
    assert caught.value.message.startswith(words)
    assert (caught.value.status, caught.value.code) == (500, "strategy_error")
    assert words in caplog.text
    assert "secret" not in caplog.text + caught.value.message


async def test_a_failure_that_a_strategy_may_raise_passes_through(
    autojump_clock: MockClock,
) -> None:
    with pytest.raises(UpstreamFailure, match="too slow"):
        await run(fails)


async def test_what_goes_wrong_in_the_output_is_not_the_strategys_fault(
    autojump_clock: MockClock,
) -> None:
    with pytest.raises(trio.BrokenResourceError):
        await run(sends, Broken())


async def test_what_goes_wrong_in_an_observer_is_not_the_strategys_fault(
    autojump_clock: MockClock,
) -> None:
    gone = TextIOWrapper(BytesIO())
    gone.close()
    screen = TextScreen(gone)

    async def observed(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        screen.add("as an attempt does that notifies an observer")
        return CANDIDATE

    with pytest.raises(ValueError, match="closed file"):
        await run(observed)
