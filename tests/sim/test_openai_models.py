"""What OpenAI's models refuse on chat completions, each in the documented words."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.sim.asking import FUNCTION, QUESTION, ask, complete, error_of, serving

REASONING = ("o3", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.2", "gpt-6-sol")
TOOLLESS = ("gpt-5.4", "gpt-5.4-mini-2026-03-17", "gpt-5.5", "gpt-5.6-luna", "gpt-6-sol")
TOOLLESS += ("gpt-6.1-terra", "gpt-6")
RESPONSES_ONLY = ("o1-pro", "gpt-5.4-pro-2026-03-05", "gpt-5.3-codex", "gpt-5.1-codex-max")


async def completed(model: str, nursery: trio.Nursery, **body: Any) -> int:
    return (await complete("openai", model, nursery, **body)).status


@pytest.mark.parametrize("model", REASONING)
async def test_reasoning_models_want_another_name_for_the_limit(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("openai", model, nursery, max_tokens=10)
    assert got.json["error"] == {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
    assert await completed(model, nursery, max_completion_tokens=100) == 200


@pytest.mark.parametrize("model", REASONING)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.5),
        ("top_p", 0.9),
        ("presence_penalty", 1),
        ("frequency_penalty", 1),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("stop", "x"),
    ],
)
async def test_reasoning_models_take_no_sampling(
    model: str, name: str, value: Any, nursery: trio.Nursery
) -> None:
    status, text, param = error_of(await complete("openai", model, nursery, **{name: value}))
    assert (status, param) == (400, name)
    assert text.startswith("Unsupported ")


@pytest.mark.parametrize("model", REASONING)
async def test_but_they_take_what_is_the_default_anyway(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    usual = {"temperature": 1, "top_p": 1.0, "presence_penalty": 0, "logprobs": False, "stop": None}
    assert await completed(model, nursery, **usual) == 200


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "omen-demo", "gpt-5.3-chat-latest"])
async def test_other_models_take_all_of_it(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    sampling = {"temperature": 0.1, "top_p": 0.2, "stop": ["x"], "max_tokens": 50}
    assert await completed(model, nursery, **sampling, logprobs=True, presence_penalty=1) == 200


async def test_gpt_6_samples_while_it_does_not_reason(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert await completed("gpt-6-sol", nursery, temperature=0.2, reasoning_effort="none") == 200
    assert await completed("gpt-6-sol", nursery, temperature=0.2, reasoning_effort="low") == 400
    assert await completed("gpt-5.4", nursery, temperature=0.2, reasoning_effort="none") == 400


@pytest.mark.parametrize("model", TOOLLESS)
@pytest.mark.parametrize("effort", [{}, {"reasoning_effort": "low"}])
async def test_function_tools_are_refused_with_an_effort_even_with_the_models_own(
    model: str, effort: dict[str, str], nursery: trio.Nursery
) -> None:
    got = await complete("openai", model, nursery, tools=[FUNCTION], **effort)
    assert error_of(got) == (
        400,
        f"Function tools with reasoning_effort are not supported for {model} in "
        "/v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort "
        "to 'none'.",
        "reasoning_effort",
    )


@pytest.mark.parametrize("model", TOOLLESS)
async def test_without_an_effort_function_tools_are_taken(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert await completed(model, nursery, tools=[FUNCTION], reasoning_effort="none") == 200


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.3", "gpt-6.2-sol", "o3", "gpt-4.1"])
async def test_earlier_and_later_models_take_tools_with_an_effort(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert await completed(model, nursery, tools=[FUNCTION], reasoning_effort="low") == 200


@pytest.mark.parametrize("effort", ["none", "minimal"])
async def test_gpt_6_2_always_reasons(effort: str, nursery: trio.Nursery) -> None:
    got = await complete("openai", "gpt-6.2-sol", nursery, reasoning_effort=effort)
    status, text, param = error_of(got)
    assert (status, param, got.json["error"]["code"]) == (
        400,
        "reasoning_effort",
        "unsupported_value",
    )
    assert f"does not support '{effort}' with this model" in text


async def test_an_effort_there_is_not_is_an_invalid_value(nursery: trio.Nursery) -> None:
    got = await complete("openai", "gpt-5", nursery, reasoning_effort="hard")
    assert got.json["error"]["code"] == "invalid_value"


@pytest.mark.parametrize("model", RESPONSES_ONLY)
async def test_some_models_are_served_by_responses_only(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    status, text, param = error_of(await complete("openai", model, nursery))
    assert (status, param) == (404, "model")
    assert text == "This model is only supported in v1/responses and not in v1/chat/completions."
    body = {"model": model, "input": "hello"}
    got = await ask(serving("openai", model), nursery, "POST", "/v1/responses", body)
    assert got.status == 200


async def test_a_model_of_vectors_does_not_chat(nursery: trio.Nursery) -> None:
    got = await complete("openai", "text-embedding-3-small", nursery)
    assert got.status == 404
    assert "not a chat model" in got.json["error"]["message"]


async def test_json_must_be_named_in_the_messages_that_want_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    form = {"type": "json_object"}
    got = await complete("openai", "gpt-4o", nursery, response_format=form)
    assert "must contain the word 'json'" in got.json["error"]["message"]
    named = [{"role": "system", "content": "Answer in JSON."}, *QUESTION]
    assert await completed("gpt-4o", nursery, response_format=form, messages=named) == 200


async def test_parallel_calls_need_tools(nursery: trio.Nursery) -> None:
    assert await completed("gpt-4o", nursery, parallel_tool_calls=False) == 400


async def test_a_tool_call_needs_its_result_right_after_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    calls = [{"id": f"call_{n}", "type": "function", "function": {}} for n in (1, 2)]
    called = {"role": "assistant", "content": None, "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": "1"} for n in (2, 1)]
    assert await completed("gpt-4o", nursery, messages=[*QUESTION, called, *results]) == 200
    for messages in ([called], [called, results[0]], [called, *QUESTION, *results]):
        got = await complete("openai", "gpt-4o", nursery, messages=[*QUESTION, *messages])
        assert got.status == 400
        assert "did not have response messages: call_" in got.json["error"]["message"]


async def test_a_result_needs_its_call_right_before_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    call = {"id": "call_1", "type": "function", "function": {}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result, other = ({"role": "tool", "tool_call_id": f"call_{n}", "content": "1"} for n in (1, 2))
    histories = ([result], [called, result, other], [called, result, *QUESTION, result])
    for messages in histories:
        got = await complete("openai", "gpt-4o", nursery, messages=[*QUESTION, *messages])
        assert got.status == 400
        assert "must be a response to a preceding message" in got.json["error"]["message"]


async def test_a_named_tool_is_the_one_that_is_called(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    other = {"type": "function", "function": {"name": "other"}}
    choice = {"type": "function", "function": {"name": "other"}}
    got = await complete("openai", "gpt-4o", nursery, tools=[FUNCTION, other], tool_choice=choice)
    (call,) = got.json["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "other", "arguments": "{}"}


async def test_one_model_can_be_asked_about(nursery: trio.Nursery) -> None:
    upstream = serving("openai", "gpt-4o", "ft:gpt-4o:me")
    got = await ask(upstream, nursery, "GET", "/v1/models/ft%3Agpt-4o%3Ame")
    assert (got.json["id"], got.json["object"]) == ("ft:gpt-4o:me", "model")
    got = await ask(upstream, nursery, "GET", "/v1/models/gpt-5")
    assert (got.status, got.json["error"]["code"]) == (404, "model_not_found")
