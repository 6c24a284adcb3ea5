"""What Anthropic's models differ in: limits, sampling, and how reasoning is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omen.core.chat import ChatRequest, Tool
from tests.providers.asking import HELLO, body, called, result, said

MODEL = "claude-sonnet-4-6"
OLDER = "claude-sonnet-4-5-20250929"
NEWER = "claude-opus-4-8"


def sent(request: ChatRequest, model: str = MODEL) -> dict[str, Any]:
    return body("anthropic", request, model)


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-5-5", 128_000),
        ("somebody-elses-model", 8192),
    ],
)
def test_without_a_limit_the_models_own_is_sent_for_the_field_is_required(
    model: str, limit: int
) -> None:
    assert sent(HELLO, model)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("claude-haiku-4-5", True),
        ("claude-opus-4-6-20260205", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("claude-sonnet-5-5", False),
        ("claude-fable-5-1", False),
        ("claude-model-not-invented-yet", False),
        ("eu.anthropic.claude-model-not-invented-yet", False),
        ("deepseek-chat", True),
        ("qwen3-8b-q4_k_m.gguf", True),
    ],
)
def test_sampling_is_left_out_for_models_that_refuse_it(model: str, taken: bool) -> None:
    assert ("temperature" in sent(replace(HELLO, temperature=0.3), model)) == taken
    assert ("top_p" in sent(replace(HELLO, top_p=0.9), model)) == taken


@pytest.mark.parametrize(
    ("model", "together"),
    [
        ("claude-3-5-haiku-20241022", True),
        ("claude-3-7-sonnet-20250219", True),
        ("claude-opus-4-1-20250805", False),
        ("claude-haiku-4-5", False),
        ("claude-sonnet-4-6", False),
        ("glm-5", True),
    ],
)
def test_temperature_goes_alone_to_models_that_refuse_both(model: str, together: bool) -> None:
    written = sent(replace(HELLO, temperature=0.3, top_p=0.9), model)
    assert (written["temperature"], "top_p" in written) == (0.3, together)


EFFORT = [
    (MODEL, "minimal", {"type": "adaptive"}, {"effort": "low"}),
    (MODEL, "max", {"type": "adaptive"}, {"effort": "max"}),
    (MODEL, "none", {"type": "disabled"}, None),
    (MODEL, "unheard-of", None, None),
    (OLDER, "low", {"type": "enabled", "budget_tokens": 2048}, None),
    (OLDER, "max", {"type": "enabled", "budget_tokens": 32_000}, None),
    (OLDER, "none", {"type": "disabled"}, None),
    (NEWER, "high", {"type": "adaptive"}, {"effort": "high"}),
    ("claude-3-haiku-20240307", "high", None, None),
    ("claude-fable-5", "none", None, None),
    ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
    ("kimi-k3", "low", {"type": "enabled", "budget_tokens": 2048}, None),
    ("kimi-k3", "none", {"type": "disabled"}, None),
]


@pytest.mark.parametrize(("model", "effort", "thinking", "output_config"), EFFORT)
def test_reasoning_effort(
    model: str,
    effort: str,
    thinking: dict[str, Any] | None,
    output_config: dict[str, Any] | None,
) -> None:
    written = sent(replace(HELLO, reasoning_effort=effort), model)
    assert written.get("thinking") == thinking
    assert written.get("output_config") == output_config


def test_with_thinking_there_is_no_sampling() -> None:
    asked = replace(HELLO, reasoning_effort="low", temperature=0.3, top_p=0.9)
    for model in (OLDER, MODEL):
        assert {"temperature", "top_p"}.isdisjoint(sent(asked, model))
    assert sent(replace(asked, reasoning_effort="none"))["temperature"] == 0.3


def test_a_budget_stays_below_the_limit_and_a_limit_too_small_for_any_means_none() -> None:
    asked = replace(HELLO, reasoning_effort="high")
    assert sent(replace(asked, max_tokens=4000), OLDER)["thinking"]["budget_tokens"] == 2000
    assert "thinking" not in sent(replace(asked, max_tokens=2000), OLDER)


def test_older_models_do_not_think_in_the_middle_of_a_tool_turn() -> None:
    """They would want the thinking blocks back, and no OpenAI client has them."""
    messages = (said("user", "?"), called(("c", "f", "{}")), result("c", "x"))
    asked = ChatRequest(messages, reasoning_effort="low")
    assert "thinking" not in sent(asked, OLDER)
    assert sent(asked, MODEL)["thinking"] == {"type": "adaptive"}


def test_a_forced_tool_call_excludes_thinking() -> None:
    asked = replace(HELLO, tools=(Tool("f"),), tool_choice="required", reasoning_effort="low")
    assert "thinking" not in sent(asked)
    assert "thinking" not in sent(asked, OLDER)
