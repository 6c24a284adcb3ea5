"""How an answer ended: every word that servers use for it, and the words that end no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import FinishReason
from omen.providers.shared.finish import finish_with_calls, read_finish

FOREIGN: dict[str, FinishReason] = {
    "stop": "stop",
    "STOP": "stop",
    "end_turn": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "COMPLETE": "stop",
    "eosFound": "stop",
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "TOOL_CALL": "tool_calls",
    "content_filter": "content_filter",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
    "sensitive": "content_filter",
}
BROKEN_OFF = (
    "abort",
    "error",
    "insufficient_system_resource",
    "network_error",
    "MALFORMED_FUNCTION_CALL",
    "cancelled",
    "OTHER",
)


@pytest.mark.parametrize(("word", "meaning"), FOREIGN.items())
def test_a_word_of_any_vendor_means_one_of_four_ends(word: str, meaning: str) -> None:
    assert read_finish(word) == meaning
    assert read_finish(f" {word.replace('_', '-')}") == meaning


@pytest.mark.parametrize("word", [None, "", "null", "None", "not_finished", 7, True, ["stop"]])
def test_what_is_no_word_ends_nothing(word: object) -> None:
    assert read_finish(word) is None


@pytest.mark.parametrize("word", BROKEN_OFF)
def test_an_answer_that_was_broken_off_is_truncated(word: str) -> None:
    with pytest.raises(UpstreamFailure, match="broken off") as caught:
        read_finish(word)
    assert caught.value.kind is FailureKind.TRUNCATED
    assert caught.value.failover


@given(st.text(min_size=1).filter(lambda word: word.strip().lower() not in ("null", "none")))
def test_an_unknown_word_is_a_failure_that_repeats_little_of_it(word: str) -> None:
    """It is an upstream's text: it may hold anything, and goes to the caller."""
    with pytest.raises(UpstreamFailure) as caught:
        read_finish(f"no such word {word}")
    assert len(caught.value.message) < 120
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("reason", "called", "told"),
    [
        ("stop", True, "tool_calls"),
        ("stop", False, "stop"),
        ("tool_calls", True, "tool_calls"),
        ("tool_calls", False, "stop"),
        ("length", True, "length"),
        ("content_filter", True, "content_filter"),
    ],
)
def test_calls_decide_between_stop_and_tool_calls(
    reason: FinishReason, called: bool, told: str
) -> None:
    assert finish_with_calls(reason, called=called) == told
