"""Azure OpenAI: two forms of its URLs, chunks of its content filter, errors of its own."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import SimulatedUpstream, Status, answer_text
from tests.sim.asking import FUNCTION, QUESTION, ask, complete, serving
from tests.sim.naive import Received, frames, streamed_text
from tests.sim.scene import Scene

DATED = "/openai/deployments/chat-prod/chat/completions?api-version=2024-10-21"
V1 = "/openai/v1/chat/completions"
CHAT: dict[str, Any] = {"messages": QUESTION}


def upstream(**more: Any) -> SimulatedUpstream:
    return serving("azure", "chat-prod", deployed={"chat-prod": "gpt-4.1-mini"}, **more)


def code_of(got: Received) -> tuple[int, str]:
    return got.status, got.json["error"]["code"]


async def test_the_dated_api_takes_the_deployment_from_the_path_and_ignores_the_model(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    body = {**CHAT, "model": "whatever"}
    got = await ask(upstream(), nursery, "POST", DATED, body)
    assert got.status == 200
    assert got.json["model"] == "gpt-4.1-mini"
    assert got.json["choices"][0]["message"]["content"] == answer_text("sim", 4)


async def test_the_v1_api_takes_the_deployment_as_the_model_and_needs_no_version(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await ask(upstream(), nursery, "POST", V1, {**CHAT, "model": "chat-prod"})
    assert (got.status, got.json["model"]) == (200, "gpt-4.1-mini")
    assert got.headers["apim-request-id"]


@pytest.mark.parametrize(
    ("path", "model", "wrong"),
    [
        (V1, "chat-test", (404, "DeploymentNotFound")),
        (V1, "gpt-4.1-mini", (404, "DeploymentNotFound")),
        (DATED.replace("prod", "test"), "chat-prod", (404, "DeploymentNotFound")),
        (DATED.partition("?")[0], "chat-prod", (404, "404")),
        (f"{DATED}x", "chat-prod", (404, "404")),
        ("/v1/chat/completions", "chat-prod", (404, "404")),
        ("/openai/chat/completions?api-version=2024-10-21", "chat-prod", (404, "404")),
    ],
)
async def test_a_wrong_deployment_and_a_wrong_path_are_two_kinds_of_404(
    path: str, model: str, wrong: tuple[int, str], nursery: trio.Nursery
) -> None:
    got = await ask(upstream(), nursery, "POST", path, {**CHAT, "model": model})
    assert code_of(got) == wrong
    assert set(got.json["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("api-key: right", 200),
        ("Authorization: Bearer right", 200),
        ("api-key: wrong", 401),
        ("Authorization: Bearer wrong", 401),
        ("x-api-key: right", 401),
    ],
)
async def test_the_key_comes_in_its_own_header_or_as_a_bearer(
    header: str, status: int, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await ask(upstream(api_key="right"), nursery, "POST", DATED, CHAT, header)
    assert got.status == status
    if status == 401:
        assert code_of(got) == (401, "401")
        assert "Access denied due to invalid subscription key" in got.json["error"]["message"]


async def test_a_stream_begins_with_what_was_found_in_the_prompt_and_belongs_to_nobody(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    got = await ask(upstream(), nursery, "POST", DATED, asked)
    about, *chunks = frames("azure", got.body)
    assert (about["choices"], about["id"], about["model"], about["created"]) == ([], "", "", 0)
    (found,) = about["prompt_filter_results"]
    assert found["content_filter_results"]["jailbreak"] == {"filtered": False, "detected": False}
    assert "usage" not in about
    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}) == 1
    assert chunks[0]["model"] == "gpt-4.1-mini"


async def test_every_choice_tells_what_was_found_in_it_and_keys_are_in_order(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    got = await ask(upstream(), nursery, "POST", DATED, asked)
    _, role, *texts, finish, last = frames("azure", got.body)
    assert role["choices"][0]["content_filter_results"] == {}
    for chunk in texts:
        found = chunk["choices"][0]["content_filter_results"]
        assert found["violence"] == {"filtered": False, "severity": "safe"}
    assert finish["choices"][0]["content_filter_results"] == {}
    for chunk in (role, *texts, finish):
        assert list(chunk) == sorted(chunk)
        assert list(chunk["choices"][0]) == sorted(chunk["choices"][0])
        assert chunk["usage"] is None
        assert "service_tier" not in chunk
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 3 + 4)
    assert streamed_text("azure", got.body) == answer_text("sim", 4)


async def test_without_being_asked_for_there_is_no_usage_anywhere(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await ask(upstream(), nursery, "POST", DATED, {**CHAT, "stream": True})
    assert all("usage" not in chunk for chunk in frames("azure", got.body))


async def test_a_tool_call_streams_as_at_openai(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    asked = {**CHAT, "stream": True, "tools": [FUNCTION]}
    got = await ask(upstream(), nursery, "POST", DATED, asked)
    deltas = [c["delta"] for chunk in frames("azure", got.body) for c in chunk["choices"]]
    assert deltas[0] == {"role": "assistant", "content": None, "refusal": None}
    assert list(deltas[1]["tool_calls"][0]) == ["function", "id", "index", "type"]


async def test_an_old_api_version_does_not_know_stream_options(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    old = DATED.replace("2024-10-21", "2024-06-01")
    got = await ask(upstream(), nursery, "POST", old, asked)
    assert (got.status, got.json["error"]["type"]) == (400, "invalid_request_error")
    del asked["stream_options"]
    assert (await ask(upstream(), nursery, "POST", old, asked)).status == 200


async def test_a_deployment_refuses_what_the_model_behind_it_refuses(
    nursery: trio.Nursery,
) -> None:
    thinking = serving("azure", "chat-prod", deployed={"chat-prod": "gpt-5.4"})
    got = await ask(thinking, nursery, "POST", DATED, {**CHAT, "max_tokens": 5})
    assert got.json["error"]["code"] == "unsupported_parameter"
    assert (await complete("azure", "gpt-5.4", nursery, tools=[FUNCTION])).status == 400


@pytest.mark.parametrize("path", ["/openai/v1/models", "/openai/models?api-version=2024-10-21"])
async def test_the_list_of_models_is_of_models_and_not_of_deployments(
    path: str, nursery: trio.Nursery
) -> None:
    got = await ask(upstream(), nursery, "GET", path)
    assert [model["id"] for model in got.json["data"]] == ["gpt-4.1-mini"]
    assert (await ask(upstream(), nursery, "GET", "/openai/models")).status == 404


async def test_too_many_requests_have_a_number_as_their_code_and_tell_when_to_come_back(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene("azure", Status(1, status=429, retry_after=6.5), nursery).chat()
    assert code_of(got) == (429, "429")
    assert "Please retry after 7 seconds" in got.json["error"]["message"]
    assert (got.headers["retry-after"], got.headers["retry-after-ms"]) == ("7", "6500")
    assert got.headers["x-ratelimit-reset-requests"] == "7"  # no Go duration
