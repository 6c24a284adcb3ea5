"""Single: one candidate after the other, as long as another candidate may help."""

from __future__ import annotations

import pytest
from omen_strategies.single import single
from trio.testing import MockClock

from omen.core.errors import AllAttemptsFailed, FailureKind, MaxLatencyExceeded, UpstreamFailure
from tests.strategies.scenario import USEFUL, answers, fails, good, hangs, run_scenario, says


async def test_only_the_first_candidate_is_asked(autojump_clock: MockClock) -> None:
    happened = await run_scenario(single, {"a": good(3), "b": good(0.1)}, k=2)
    assert happened.winner == "a"
    assert happened.opened == {"a": 0.0}


async def test_a_curable_failure_starts_the_next_candidate_when_it_happens(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        single, {"a": [fails(after=0.5)], "b": [answers(), fails(after=0.5)], "c": good(1)}
    )
    assert happened.winner == "c"
    assert happened.opened == {"a": 0.0, "b": 0.5, "c": 1.0}
    assert happened.closed["a"] == 0.5


@pytest.mark.parametrize("kind", [FailureKind.INVALID_REQUEST, FailureKind.CONTEXT_LENGTH])
async def test_a_fatal_failure_ends_it(autojump_clock: MockClock, kind: FailureKind) -> None:
    happened = await run_scenario(single, {"a": [fails(after=0.5, kind=kind)], "b": good(1)})
    assert isinstance(happened.error, AllAttemptsFailed)
    assert happened.error.status == 400
    assert happened.opened == {"a": 0.0}
    assert happened.clock == 0.5


async def test_after_the_commit_there_is_no_next_candidate(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        single, {"a": [answers(), says(USEFUL, after=1), fails(after=1)], "b": good(1)}
    )
    assert isinstance(happened.error, UpstreamFailure)
    assert happened.opened == {"a": 0.0}
    assert happened.text == USEFUL


async def test_the_deadline_commits_what_there_is(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        single, {"a": [answers(), says("Well", after=0.5), says(", yes.", after=1), hangs()]},
        max_latency=1.0, client_leaves=3.0,
    )  # fmt: skip
    assert happened.committed == [("a", 1.0)]
    assert happened.text == "Well, yes."


async def test_the_deadline_covers_the_replacements_too(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        single, {"a": [fails(after=0.75)], "b": [hangs()]}, max_latency=1.0
    )
    assert isinstance(happened.error, MaxLatencyExceeded)
    assert happened.clock == 1.0
