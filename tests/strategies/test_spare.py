"""A spare: the runner-up takes the place of a winner that fails early; virtual time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from omen_strategies.race import race
from omen_strategies.speculate_k import speculate_k
from trio.testing import MockClock

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Event, Restart, TextDelta
from omen.core.plan import Spare
from tests.strategies.scenario import (
    USEFUL,
    Happened,
    Step,
    answers,
    ends,
    fails,
    good,
    hangs,
    run_scenario,
    says,
)

SPARE = Spare(seconds=2.0, tokens=40)


def last_answer(happened: Happened) -> str:
    """The text since the last restart."""
    texts: list[str] = []
    for _, event in happened.sent:
        if isinstance(event, Restart):
            texts.clear()
        elif isinstance(event, TextDelta):
            texts.append(event.text)
    return "".join(texts)


def slow(text: str = "the spare's own answer, which is long enough", at: float = 0.4) -> list[Step]:
    """Begins to speak before the winner commits, and has more only later."""
    return [answers(), says("the ", after=at), says(text, after=1.0), ends(after=0.1)]


def dies(after: float, kind: FailureKind = FailureKind.TRUNCATED) -> list[Step]:
    return [answers(), says(USEFUL, after=0.5), fails(after=after, kind=kind)]


async def test_it_answers_from_its_beginning_when_the_winner_dies(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(race, {"a": dies(0.3), "b": slow()}, spare=SPARE)
    assert (happened.winner, happened.error) == ("b", None)
    assert happened.committed == [("a", 0.5), ("b", 0.8)]
    assert last_answer(happened) == "the the spare's own answer, which is long enough"
    assert sum(isinstance(event, Restart) for _, event in happened.sent) == 1
    assert happened.left_open == set()


async def test_while_it_is_paused_nothing_is_read_and_nothing_is_lost(
    autojump_clock: MockClock,
) -> None:
    """What came meanwhile is read at the takeover, in order."""
    words = [says(f"{n} ", after=0.1) for n in range(20)]
    chatty = [answers(), says("first ", after=0.4), *words, ends()]
    happened = await run_scenario(race, {"a": dies(1.0), "b": chatty}, spare=SPARE)
    assert happened.paused == {"b": 0.5}
    assert last_answer(happened) == "first " + "".join(f"{n} " for n in range(20))
    assert min(t for t, event in happened.sent if isinstance(event, Restart)) == 1.5


async def test_without_one_the_failure_is_the_winners_own(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"a": dies(0.3), "b": slow()})
    assert isinstance(happened.error, UpstreamFailure)
    assert happened.closed["b"] == 0.5
    assert happened.paused == {}


@pytest.mark.parametrize(
    ("winner", "released"),
    [
        pytest.param(good(0.5, more=1, gap=0.25), 1.0, id="the answer ends"),
        pytest.param(good(0.5, more=99, gap=0.25), 2.5, id="the window ends"),
        pytest.param(
            [answers(), says(USEFUL, after=0.5), says("x" * 160, after=0.25), ends(after=9.0)],
            0.75,
            id="the winner has sent enough",
        ),
    ],
)
async def test_it_is_released(
    autojump_clock: MockClock, winner: Sequence[Step], released: float
) -> None:
    happened = await run_scenario(race, {"a": winner, "b": slow(at=0.4)}, spare=SPARE)
    assert happened.winner == "a"
    assert happened.released == {"b": pytest.approx(released)}
    assert happened.closed["b"] == pytest.approx(released)
    assert not any(isinstance(event, Restart) for _, event in happened.sent)


async def test_it_is_released_before_the_end_of_the_answer_is_sent(
    autojump_clock: MockClock,
) -> None:
    """The end waits for the losers, so a spare that was kept until then would delay it."""
    happened = await run_scenario(
        race, {"a": good(0.5, more=1), "b": slow()}, spare=SPARE, slow_client=0.05
    )
    end, _ = happened.sent[-1]
    assert happened.released["b"] <= end


async def test_an_answer_that_is_whole_at_the_commit_keeps_none(autojump_clock: MockClock) -> None:
    whole = [answers(), Step(0.5, [TextDelta(USEFUL), *(ends().does or ())])]  # type: ignore[misc]
    happened = await run_scenario(race, {"a": whole, "b": slow()}, spare=SPARE)
    assert (happened.winner, happened.paused) == ("a", {})
    assert happened.closed["b"] == 0.5


async def test_a_winner_that_is_silent_in_the_second_half_of_the_window_has_stalled(
    autojump_clock: MockClock,
) -> None:
    stalls = [answers(), says(USEFUL, after=0.5), says(" and on", after=0.5), hangs()]
    happened = await run_scenario(race, {"a": stalls, "b": slow()}, spare=SPARE)
    assert happened.winner == "b"
    assert happened.committed == [("a", 0.5), ("b", 2.5)]
    assert happened.closed["a"] == 2.5


async def test_a_winner_that_spoke_in_the_second_half_goes_on(autojump_clock: MockClock) -> None:
    pauses = [answers(), says(USEFUL, after=0.5), says(" and", after=1.5), *good(9.0)[1:]]
    happened = await run_scenario(race, {"a": pauses, "b": slow()}, spare=SPARE)
    assert (happened.winner, happened.released) == ("a", {"b": 2.5})


@pytest.mark.parametrize(
    "other", [[answers(), hangs()], [answers(), says(" \n ", after=0.1), hangs()], [hangs()]]
)
async def test_an_attempt_without_visible_output_is_nobodys_spare(
    autojump_clock: MockClock, other: list[Step]
) -> None:
    happened = await run_scenario(race, {"a": good(0.5), "b": other}, spare=SPARE)
    assert (happened.winner, happened.paused) == ("a", {})
    assert happened.closed.get("b", 0.5) == 0.5


async def test_the_one_with_the_most_visible_output_is_kept_and_the_others_go(
    autojump_clock: MockClock,
) -> None:
    scripts = {
        "a": dies(0.3),
        "b": slow(at=0.4),
        "c": [answers(), says("more to say", after=0.4), hangs()],
        "d": [hangs()],  # without a response there is nothing to keep
    }
    happened = await run_scenario(race, scripts, k=4, spare=SPARE, client_leaves=5.0)
    assert happened.paused == {"c": 0.5}
    assert (happened.closed["b"], happened.opened["d"]) == (0.5, 0.0)
    assert happened.committed == [("a", 0.5), ("c", 0.8)]
    assert happened.left_open == set()


async def test_a_failure_that_no_other_candidate_helps_with_is_the_callers(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race, {"a": dies(0.3, FailureKind.INVALID_REQUEST), "b": slow()}, spare=SPARE
    )
    assert isinstance(happened.error, UpstreamFailure)
    assert happened.released["b"] == happened.closed["b"] == pytest.approx(0.8)


async def test_a_spare_that_fails_after_its_takeover_fails_the_answer(
    autojump_clock: MockClock,
) -> None:
    broken = [answers(), says("the ", after=0.4), fails(after=0.6)]
    happened = await run_scenario(race, {"a": dies(0.3), "b": broken}, spare=SPARE)
    assert isinstance(happened.error, UpstreamFailure)
    assert [name for name, _ in happened.committed] == ["a", "b"]


async def test_a_hedge_that_lost_is_a_spare_too(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [answers(), says("to", after=0.1), says(USEFUL, after=0.9), fails(after=0.1)],
         "b": slow(at=0.2)},
        hedge_delay=0.5,
        spare=SPARE,
    )  # fmt: skip
    assert happened.winner == "b"
    assert [name for name, _ in happened.committed] == ["a", "b"]


async def test_a_client_that_leaves_meanwhile_leaves_nothing_open(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race, {"a": good(0.5, more=99), "b": slow()}, spare=SPARE, client_leaves=1.0
    )
    assert happened.left_open == set()
    assert happened.clock == 1.0


async def test_an_error_of_the_output_is_no_failure_of_the_winner(
    autojump_clock: MockClock,
) -> None:
    async def refuse(events: Sequence[Event]) -> None:
        raise UpstreamFailure(FailureKind.SERVER_ERROR, "the memory is full")

    happened = await run_scenario(race, {"a": good(0.5), "b": slow()}, spare=SPARE, on_send=refuse)
    assert isinstance(happened.error, UpstreamFailure)
    assert [name for name, _ in happened.committed] == ["a"]
