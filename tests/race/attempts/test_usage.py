"""Usage that cannot be true is not believed: it reaches neither the books nor the client."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.core.cards import ModelCard
from omen.core.events import AnswerEnd, Usage
from omen.core.usage_checks import MOST_GENERATED, MOST_TOKENS, is_believable
from omen.providers.chat_completions.usage import read_usage
from tests.race.attempts.scripted import CANDIDATE, DONE, FINISH, Opened, Scripted, text

TRUE = Usage(3, 7, {"cached_tokens": 2}, {"reasoning_tokens": 4})
UNTRUE = [
    Usage(-1, 7),
    Usage(3, -500_000),
    Usage(MOST_TOKENS + 1, 7),
    Usage(3, 10**26),
    Usage(3, MOST_GENERATED + 1),
    Usage(3, 7, {"cached_tokens": -2}),
    Usage(3, 7, {}, {"reasoning_tokens": 10**12}),
    Usage(3, 7, {"cached_tokens": 4}),
    Usage(3, 7, {"cached_tokens": 2, "cache_write_tokens": 2}),
    Usage(3, 7, billed_usd=Decimal(-1)),
    Usage(3, 7, billed_usd=Decimal(922_337_203)),
    Usage(3, 7, billed_usd=Decimal("NaN")),
]


@pytest.mark.parametrize("usage", UNTRUE)
def test_counts_below_nothing_and_beyond_any_model_are_untrue(usage: Usage) -> None:
    assert not is_believable(usage)


@pytest.mark.parametrize("usage", [TRUE, Usage(0, 0), Usage(MOST_TOKENS, MOST_GENERATED)])
def test_what_a_request_can_take_is_believed(usage: Usage) -> None:
    assert is_believable(usage)


def test_more_than_a_models_window_is_untrue_unless_its_own_tools_read_it_again() -> None:
    assert is_believable(Usage(1600, 1600), context=100)
    assert not is_believable(Usage(1601, 7), context=100)
    assert not is_believable(Usage(3, 1601), context=100)


CACHED = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 90}


@pytest.mark.parametrize(("total", "completion"), [({}, 5), ({"total_tokens": 105}, 5)])
def test_more_cached_tokens_than_prompt_tokens_are_counted_beside_them(
    total: dict[str, int], completion: int
) -> None:
    usage = read_usage({**CACHED, **total})
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, completion)
    assert usage.prompt_details == {"cached_tokens": 90}


def test_then_the_total_may_hold_reasoning_as_well() -> None:
    usage = read_usage({**CACHED, "total_tokens": 125})
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, 25)


def test_a_total_without_room_for_them_contradicts_the_report() -> None:
    usage = read_usage({**CACHED, "total_tokens": 15})
    assert usage is not None
    assert not is_believable(usage)


async def test_a_window_that_is_known_bounds_what_is_believed(autojump_clock: MockClock) -> None:
    report = {"choices": [], "usage": {"prompt_tokens": 1601, "completion_tokens": 7}}
    usage = f"data: {json.dumps(report)}\n\n".encode()
    small = replace(CANDIDATE, card=ModelCard(context=100))
    for candidate, expected in ((CANDIDATE, Usage(1601, 7)), (small, None)):
        opened = Opened(Scripted((0.0, text("It rains.") + FINISH + usage + DONE)), None, candidate)
        async with opened.open() as attempt:
            await attempt.receive()
        assert opened.record.usage == expected


@pytest.mark.parametrize("completion", [-7, 10**26, 7e30])
async def test_an_answer_with_untrue_usage_is_whole_and_has_none(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, completion: float
) -> None:
    report = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": completion}}
    usage = f"data: {json.dumps(report)}\n\n".encode()
    opened = Opened(Scripted((0.0, text("It rains.") + FINISH + usage + DONE)))
    with caplog.at_level(logging.WARNING):
        async with opened.open() as attempt:
            events = await attempt.receive()
    assert events[-1] == AnswerEnd("stop")
    assert opened.record.complete
    assert opened.record.usage is None
    assert opened.record.tokens == 3  # as counted here
    assert "p/m reported usage that cannot be true" in caplog.text


COUNTS = st.one_of(
    st.integers(), st.floats(), st.none(), st.text(max_size=3), st.booleans(), st.just(10**400)
)
REPORTS = st.dictionaries(
    st.sampled_from(
        [
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "reasoning_tokens",
            "cached_tokens",
            "prompt_cache_hit_tokens",
            "cost_in_usd_ticks",
        ]
    ),
    COUNTS,
)


@given(REPORTS, st.dictionaries(st.text(max_size=3), COUNTS))
def test_whatever_is_reported_is_read_or_nothing(
    report: dict[str, object], details: dict[str, object]
) -> None:
    usage = read_usage({**report, "prompt_tokens_details": details})
    assert usage is None or is_believable(usage) in (True, False)


async def test_zeros_for_what_was_seen_to_be_generated_are_not_believed(
    autojump_clock: MockClock,
) -> None:
    """Some servers report zeros for what they do not count; the answer would be free."""
    report = {"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}
    usage = f"data: {json.dumps({'choices': [], **report})}\n\n".encode()
    opened = Opened(Scripted((0.0, text("It rains.") + FINISH + usage + DONE)))
    async with opened.open() as attempt:
        events = await attempt.receive()
    assert events[-1] == AnswerEnd("stop")
    assert opened.record.usage is None
    assert opened.record.tokens == 3  # as counted here
