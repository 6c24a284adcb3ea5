"""The commit gate: what wins a race, and what never does, however fast it is."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from omen.errors import FailureKind
from omen.events import AnswerEnd, AnswerStart, ReasoningDelta, TextDelta, ToolCallDelta
from strategies.race import race
from tests.strategies.scenario import (
    USEFUL,
    answers,
    ends,
    fails,
    good,
    hangs,
    run_scenario,
    says,
    sends,
)

NOT_USEFUL = {
    "headers only": [answers(), hangs()],
    "role only": [answers(), sends(AnswerStart("m"), after=0.01), hangs()],
    "whitespace": [answers(), *(says(" \n\t", after=0.01) for _ in range(100)), hangs()],
    "empty deltas": [answers(), *(says("", after=0.01) for _ in range(100)), hangs()],
    "an empty answer": [answers(), sends(AnswerStart("m"), AnswerEnd("stop"), after=0.01)],
    "filtered with nothing visible": [answers(), ends(after=0.01, reason="content_filter")],
    "an error inside the 200": [answers(), fails(after=0.01, kind=FailureKind.OVERLOADED)],
    "reasoning": [answers(), sends(ReasoningDelta("hm " * 99), after=0.01), hangs()],
    "too little text": [answers(), says("sixteen chars ok", after=0.01), hangs()],
    "a tool's name": [answers(), sends(ToolCallDelta(0, "c", "f"), after=0.01), hangs()],
    "useful, then dead in one breath": [answers(), says("short", after=0.01), fails()],
}


@pytest.mark.parametrize("fast", NOT_USEFUL.values(), ids=NOT_USEFUL.keys())
async def test_a_fast_upstream_that_says_nothing_useful_never_wins(
    autojump_clock: MockClock, fast: list
) -> None:
    happened = await run_scenario(race, {"fast": fast, "good": good(5)})
    assert happened.winner == "good"
    assert happened.committed == [("good", 5.0)]
    assert happened.text == USEFUL + " and 0 and 1"
    assert happened.left_open == set()


USEFUL_IN_ITSELF = {
    "a short answer that ended": [answers(), sends(TextDelta("Yes"), AnswerEnd("stop"), after=1)],
    "a tool call with arguments": [
        answers(),
        sends(ToolCallDelta(0, "c", "f"), ToolCallDelta(0, arguments="{"), after=1),
        ends(after=1, reason="tool_calls"),
    ],
    "a tool call that has ended": [
        answers(),
        sends(ToolCallDelta(0, "c", "f"), AnswerEnd("tool_calls"), after=1),
    ],
    "nothing, where that is an answer": [
        answers(),
        sends(AnswerStart("m"), AnswerEnd("stop", meant=True), after=1),
    ],
    "a second tool call, which ends the first": [
        answers(),
        sends(ToolCallDelta(0, "c", "f"), ToolCallDelta(1, "d", "g"), after=1),
        ends(after=1, reason="tool_calls"),
    ],
}


@pytest.mark.parametrize("steps", USEFUL_IN_ITSELF.values(), ids=USEFUL_IN_ITSELF.keys())
async def test_short_answers_and_tool_calls_commit(autojump_clock: MockClock, steps: list) -> None:
    happened = await run_scenario(race, {"slow": good(5), "fast": steps})
    assert happened.committed == [("fast", 1.0)]


async def test_reasoning_commits_only_where_the_configuration_counts_it(
    autojump_clock: MockClock,
) -> None:
    scripts = {"thinks": [answers(), sends(ReasoningDelta("hm " * 99), after=1), hangs()]}
    happened = await run_scenario(race, scripts, reasoning_counts=True, client_leaves=2)
    assert happened.committed == [("thinks", 1.0)]
