"""Single: one candidate after the other, as long as another candidate may help."""

from __future__ import annotations

import pytest
from omen_strategies.single import single
from trio.testing import MockClock

from omen.core.errors import (
    FAILOVER_KINDS,
    AllAttemptsFailed,
    FailureKind,
    MaxLatencyExceeded,
    UpstreamFailure,
)
from tests.strategies.scenario import (
    USEFUL,
    Step,
    answers,
    fails,
    good,
    hangs,
    run_scenario,
    says,
)


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


@pytest.mark.parametrize("kind", [FailureKind.INVALID_REQUEST, FailureKind.CONTENT_FILTER])
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


async def test_when_nobody_else_is_left_a_hiccup_is_repeated_once(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(single, {"a": [fails(after=0.5)]}, again={"a": good(1)})
    assert happened.roles == [("a", "primary"), ("a", "retry")]
    assert happened.opened == {"a": 0.75}
    assert (happened.winner, happened.committed) == ("a", [("a", 1.75)])


async def test_a_second_hiccup_is_the_callers(autojump_clock: MockClock) -> None:
    happened = await run_scenario(single, {"a": [fails(after=0.5)]})
    assert happened.roles == [("a", "primary"), ("a", "retry")]
    assert isinstance(happened.error, AllAttemptsFailed)
    assert (len(happened.error.attempts), happened.clock) == (2, 1.25)


TEMPORARY = [kind for kind in FailureKind if UpstreamFailure(kind, "").retryable]


@pytest.mark.parametrize("kind", FailureKind, ids=lambda kind: kind.value)
async def test_a_failure_is_repeated_exactly_if_it_is_temporary(
    autojump_clock: MockClock, kind: FailureKind
) -> None:
    happened = await run_scenario(single, {"a": [fails(kind=kind)]}, again={"a": good(1)})
    assert (happened.winner == "a") == (kind in TEMPORARY)


@pytest.mark.parametrize(
    ("retry_after", "repeated_at"), [(0.0, 0.5), (1.5, 2.0), (5.0, 5.5), (5.25, None)]
)
async def test_the_upstreams_own_pause_is_kept_up_to_five_seconds(
    autojump_clock: MockClock, retry_after: float, repeated_at: float | None
) -> None:
    busy = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", retry_after=retry_after)
    happened = await run_scenario(single, {"a": [Step(0.5, busy)]}, again={"a": good(1)})
    assert happened.opened == {"a": 0.0 if repeated_at is None else repeated_at}
    assert (happened.error is None) == (repeated_at is not None)


async def test_without_a_token_of_the_retry_budget_nothing_is_repeated(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(single, {"a": [fails()]}, again={"a": good(1)}, extra_starts=[])
    assert isinstance(happened.error, AllAttemptsFailed)
    assert len(happened.error.attempts) == 1


async def test_no_request_waits_for_a_retry_that_the_budget_would_deny(
    autojump_clock: MockClock,
) -> None:
    busy = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", retry_after=4.0)
    happened = await run_scenario(single, {"a": [Step(0.5, busy)]}, budget_is_empty=True)
    assert (happened.clock, happened.denied) == (0.5, [])


async def test_a_caller_is_not_asked_to_wait_for_a_pause_that_is_over(
    autojump_clock: MockClock,
) -> None:
    """Another request may take the last token while this one waits."""
    busy = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", retry_after=4.0)
    happened = await run_scenario(single, {"a": [Step(0.5, busy)]}, extra_starts=[])
    assert (happened.clock, happened.denied) == (4.5, [("a", 4.5)])
    assert happened.error is not None
    assert happened.error.retry_after == 0.0


async def test_of_several_candidates_the_one_that_is_ready_first_is_repeated(
    autojump_clock: MockClock,
) -> None:
    """Its pause runs from its own failure on; a permanent failure behind it changes nothing."""
    slow = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", retry_after=4.0)
    quick = UpstreamFailure(FailureKind.OVERLOADED, "busy", retry_after=2.0)
    happened = await run_scenario(
        single,
        {"a": [Step(0.5, slow)], "b": [Step(0.5, quick)], "c": [fails(1, FailureKind.NOT_FOUND)]},
        again={"a": good(1), "b": good(1)},
    )
    assert happened.roles[-1] == ("b", "retry")
    assert (happened.winner, happened.opened["b"]) == ("b", 3.0)


async def test_nothing_is_repeated_that_could_not_commit_any_more(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        single, {"a": [fails(after=0.75)]}, again={"a": good(0.1)}, max_latency=1.0
    )
    assert isinstance(happened.error, AllAttemptsFailed)
    assert (happened.opened, happened.clock) == ({"a": 0.0}, 0.75)


TOO_LONG = FailureKind.CONTEXT_LENGTH


async def test_a_prompt_too_long_moves_on_to_larger_and_unknown_windows(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        single,
        {name: [fails(kind=TOO_LONG)] for name in ("a", "smaller", "equal", "unknown", "larger")},
        windows={"a": 8192, "smaller": 4096, "equal": 8192, "larger": 8193},
    )
    assert list(happened.opened) == ["a", "unknown", "larger"]
    assert happened.error is not None
    assert (happened.error.status, happened.error.code) == (400, "context_length")


async def test_the_window_that_an_upstream_states_precedes_the_one_on_its_card(
    autojump_clock: MockClock,
) -> None:
    """A server may have been started with less than its model could read."""
    started_small = UpstreamFailure(TOO_LONG, "too long", window=4096)
    happened = await run_scenario(
        single,
        {"a": [Step(0, started_small)], "b": [fails(kind=TOO_LONG)], "c": good(1)},
        windows={"a": 131072, "b": 4096, "c": 8192},
    )
    assert (happened.winner, list(happened.opened)) == ("c", ["a", "c"])


async def test_a_candidate_without_a_known_window_excludes_nobody(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        single, {"a": [fails(kind=TOO_LONG)], "b": good(1)}, windows={"b": 4096}
    )
    assert happened.winner == "b"


async def test_a_body_too_large_for_one_moves_on(autojump_clock: MockClock) -> None:
    happened = await run_scenario(single, {"a": [fails(kind=FailureKind.TOO_LARGE)], "b": good(1)})
    assert happened.winner == "b"


@pytest.mark.parametrize(
    ("failover_on", "winner"),
    [(FAILOVER_KINDS, None), ({*FAILOVER_KINDS, FailureKind.CONTENT_FILTER}, "b")],
)
async def test_the_operator_decides_whether_a_filtered_prompt_goes_to_the_next_vendor(
    autojump_clock: MockClock, failover_on: frozenset[FailureKind], winner: str | None
) -> None:
    happened = await run_scenario(
        single,
        {"a": [fails(kind=FailureKind.CONTENT_FILTER)], "b": good(1)},
        failover_on=failover_on,
    )
    assert happened.winner == winner
