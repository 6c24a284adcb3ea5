"""The commit gate: which events win a race, and which never do, however early they arrive."""

from __future__ import annotations

import pytest
from omen_strategies.kit.gate import EVENT_BYTES, PRELUDE_LIMIT, REASONING_LIMIT, Gate
from omen_strategies.race import race
from trio.testing import MockClock

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    MessageFields,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)
from omen.routing.observe.breaker import UPSTREAM_FAULTS
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
    "nothing, where that is an answer": [
        answers(),
        sends(AnswerStart("m"), AnswerEnd("stop", meant=True), after=0.01),
    ],
    "citations and nothing they are of": [
        answers(),
        sends(MessageFields({"annotations": [{}]}), after=0.01),
        hangs(),
    ],
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
    "a picture": [
        answers(),
        sends(MessageFields({"images": [{"type": "image_url"}]}), AnswerEnd("stop"), after=1),
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


def thinks_until_it_fails(*piece: Event) -> tuple[int, FailureKind]:
    gate, pieces = Gate(5, reasoning_counts=False), 0
    with pytest.raises(UpstreamFailure) as caught:
        while True:
            gate.add(piece)
            pieces += 1
    assert caught.value.failover
    return pieces, caught.value.kind


@pytest.mark.parametrize("size", [4, 17, 400])
def test_the_longest_thought_there_is_fits_at_one_token_a_piece(size: int) -> None:
    """128,000 tokens fit, with and without the upstream's wire events beside them."""
    thought = ReasoningDelta("t" * size)
    wire = WireEvent("anthropic", "content_block_delta", b"w" * (100 + size))
    assert thinks_until_it_fails(thought)[0] > 128_000
    pieces, kind = thinks_until_it_fails(wire, thought)
    assert pieces * size / 4 > 128_000
    # The prelude is bounded, and no circuit breaker counts the failure: the upstream is healthy.
    assert kind is FailureKind.EMPTY
    assert kind not in UPSTREAM_FAULTS


@pytest.mark.parametrize(
    "piece", [TextDelta(" " * 64), ToolCallDelta(0, arguments="x" * 64)], ids=["blanks", "no name"]
)
def test_a_flood_that_is_never_useful_is_the_upstreams_fault(piece: Event) -> None:
    pieces, kind = thinks_until_it_fails(piece)
    assert pieces == PRELUDE_LIMIT // 64
    assert kind is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("piece", "size"),
    [
        (ReasoningDelta("t" * 1000), 1000),
        (WireEvent("anthropic", "ping", b"w" * 1000), 1000),
        (TextDelta(""), 0),
    ],
    ids=["reasoning", "an upstream's own words", "nothing"],
)
def test_what_is_held_is_counted_once_with_what_each_event_takes(piece: Event, size: int) -> None:
    """Core defect 2."""
    pieces, kind = thinks_until_it_fails(piece)
    assert pieces == REASONING_LIMIT // (size + EVENT_BYTES)
    assert kind is FailureKind.EMPTY
