"""A request in Anthropic's own words is fitted to the Claude that is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import ChatRequest
from omen.core.errors import FailureKind, UpstreamFailure
from omen.front.anthropic.parse import parse_messages
from tests.providers.asking import body

HAIKU, SONNET_5_5, OPUS_4_8 = "claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-4-8"


def sent(request: ChatRequest, model: str = HAIKU) -> dict[str, Any]:
    return body("anthropic", request, model)


def messages(**fields: Any) -> ChatRequest:
    turns = [{"role": "user", "content": "Hi."}]
    asked = {"model": "m", "max_tokens": 9000, "messages": turns, **fields}
    return parse_messages(json.dumps(asked).encode(), {}).request


ADAPTIVE = {"type": "adaptive"}
BUDGET = {"type": "enabled", "budget_tokens": 4096}
VERBATIM: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (HAIKU, {"thinking": ADAPTIVE}, {"thinking": {"type": "enabled", "budget_tokens": 4500}}),
    (
        HAIKU,
        {"thinking": ADAPTIVE, "output_config": {"effort": "low"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": None},
    ),
    (HAIKU, {"thinking": ADAPTIVE, "max_tokens": 1500}, {"thinking": None}),
    (HAIKU, {"thinking": BUDGET}, {"thinking": BUDGET}),
    (
        HAIKU,
        {"thinking": BUDGET, "max_tokens": 3000},
        {"thinking": {**BUDGET, "budget_tokens": 2999}},
    ),
    (HAIKU, {"thinking": BUDGET, "max_tokens": 900}, {"thinking": None}),
    ("claude-3-5-haiku-latest", {"thinking": ADAPTIVE, "max_tokens": 99}, {"thinking": None}),
    (OPUS_4_8, {"thinking": BUDGET}, {"thinking": ADAPTIVE}),
    (
        OPUS_4_8,
        {"thinking": ADAPTIVE, "output_config": {"effort": "max"}},
        {"thinking": ADAPTIVE, "output_config": {"effort": "max"}},
    ),
    ("claude-fable-5", {"thinking": {"type": "disabled"}}, {"thinking": None}),
    (HAIKU, {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
    (HAIKU, {"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5, "top_p": None}),
    (OPUS_4_8, {"temperature": 0.5, "top_k": 5}, {"temperature": None, "top_k": None}),
    *(
        # Other servers of this API know what it was, and nothing is known of what they refuse.
        ("llama-3.3-70b", fields, fields)
        for fields in (
            {"temperature": 0.5, "top_p": 0.5, "top_k": 5},
            {"thinking": BUDGET},
            {"thinking": ADAPTIVE, "output_config": {"effort": "max"}},
            {"thinking": {"type": "disabled"}},
            {"tool_choice": {"type": "any"}},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "fields", "written"), VERBATIM)
def test_a_request_in_the_vendors_words_is_fitted_to_the_model_that_is_asked(
    model: str, fields: dict[str, Any], written: dict[str, Any]
) -> None:
    body = sent(messages(**fields), model)
    assert {name: body.get(name) for name in written} == written


def test_thinking_is_not_begun_in_a_tool_turn_that_has_none() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    answered = {"type": "tool_result", "tool_use_id": "t", "content": "3"}
    turns = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [answered]},
    ]
    assert "thinking" not in sent(messages(thinking=ADAPTIVE, messages=turns))
    assert sent(messages(thinking=ADAPTIVE, messages=turns), OPUS_4_8)["thinking"] == ADAPTIVE


PREFILL = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Title:"}]
UNSUPPORTED: list[tuple[str, dict[str, Any]]] = [
    (SONNET_5_5, {"tool_choice": {"type": "any"}, "tools": [{"name": "f", "input_schema": {}}]}),
    (SONNET_5_5, {"tool_choice": {"type": "tool", "name": "f"}}),
    (OPUS_4_8, {"messages": PREFILL}),
    ("claude-3-5-haiku-latest", {"output_config": {"format": {"type": "json_schema"}}}),
]


@pytest.mark.parametrize(("model", "fields"), UNSUPPORTED)
def test_what_the_model_cannot_be_asked_for_moves_the_plan_on(
    model: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        sent(messages(**fields), model)
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert sent(messages(**fields), "claude-sonnet-4-5")


def test_a_turn_that_was_paused_goes_on_at_any_model() -> None:
    used = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    turns = [PREFILL[0], {"role": "assistant", "content": [used]}]
    assert sent(messages(messages=turns), OPUS_4_8)["messages"] == turns
