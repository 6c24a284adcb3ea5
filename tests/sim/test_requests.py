"""What is asked, and what is refused in the vendor's own words."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.conversation import question_of
from omen.sim.examples import tool_use
from omen.sim.http import HttpRequest
from tests.sim.naive import CHAT_PATH, KINDS, Received, chat, connect

MODELS = ("omen-demo", "gpt-sim")
VERSION = "anthropic-version: 2023-06-01"


async def ask(kind: str, nursery: trio.Nursery, *request: Any, **more: Any) -> Received:
    upstream = SimulatedUpstream("sim", kind, Profile(first_token=Fixed(0)), models=MODELS)
    method, path, value = (*request, None)[:3]
    return await connect(upstream, nursery).ask(method, path, value, VERSION, **more)


def check_shape(kind: str, got: Received) -> None:
    """An error has the vendor's own shape, whatever it says."""
    match kind:
        case "azure" if got.status in (401, 404):
            assert set(got.json) == {"error"}
            assert set(got.json["error"]) == {"code", "message"}
        case "openai" | "azure":
            assert set(got.json) == {"error"}
            assert set(got.json["error"]) == {"message", "type", "param", "code"}
        case "anthropic":
            assert set(got.json) == {"type", "error", "request_id"}
            assert set(got.json["error"]) == {"type", "message"}
            assert got.json["request_id"] == got.headers["request-id"]
        case "xai":
            assert set(got.json) == {"code", "error"}
            assert isinstance(got.json["error"], str)
        case "ollama":
            assert set(got.json) == {"error"}
            assert isinstance(got.json["error"], str)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'"text"'],
    ids=["empty", "cut", "list", "bytes", "deep", "string"],
)
async def test_a_body_that_is_no_json_object_is_a_400(
    kind: str, body: bytes, nursery: trio.Nursery
) -> None:
    got = await ask(kind, nursery, "POST", CHAT_PATH[kind], None, body=body)
    assert got.status == 400
    check_shape(kind, got)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", [None, "", 3])
async def test_a_missing_model_is_a_400(kind: str, model: Any, nursery: trio.Nursery) -> None:
    got = await ask(kind, nursery, "POST", CHAT_PATH[kind], chat(kind, model=model))
    assert got.status == 400
    check_shape(kind, got)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_model_is_a_404_that_names_it(kind: str, nursery: trio.Nursery) -> None:
    got = await ask(kind, nursery, "POST", CHAT_PATH[kind], chat(kind, model="gpt-nope"))
    assert got.status == 404
    assert (b"gpt-nope" in got.body) is (kind != "azure")  # which has deployments, not models
    check_shape(kind, got)


async def test_an_unknown_openai_model_has_its_code(nursery: trio.Nursery) -> None:
    got = await ask("openai", nursery, "POST", CHAT_PATH["openai"], chat("openai", model="x"))
    assert got.json["error"]["type"] == "invalid_request_error"
    assert got.json["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("messages", [None, [], "hello", [3]])
async def test_missing_messages_are_a_400(kind: str, messages: Any, nursery: trio.Nursery) -> None:
    got = await ask(kind, nursery, "POST", CHAT_PATH[kind], chat(kind, messages=messages))
    assert got.status == 400
    check_shape(kind, got)


async def test_openai_refuses_stream_options_without_a_stream(nursery: trio.Nursery) -> None:
    body = chat("openai", stream=False, stream_options={"include_usage": True})
    got = await ask("openai", nursery, "POST", CHAT_PATH["openai"], body)
    assert (got.status, got.json["error"]["param"]) == (400, "stream_options")


async def test_anthropic_needs_max_tokens_and_a_version(nursery: trio.Nursery) -> None:
    unlimited = chat("anthropic")
    del unlimited["max_tokens"]
    got = await ask("anthropic", nursery, "POST", "/v1/messages", unlimited)
    assert (got.status, got.json["error"]["message"]) == (400, "max_tokens: Field required")
    upstream = SimulatedUpstream("sim", "anthropic")
    got = await connect(upstream, nursery).ask("POST", "/v1/messages", chat("anthropic"))
    assert (got.status, got.json["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("kind", "header", "status"),
    [
        ("openai", "Authorization: Bearer right", 200),
        ("openai", "authorization: bearer right", 200),
        ("openai", "Authorization: Bearer wrong", 401),
        ("openai", "X-Nothing: 1", 401),
        ("anthropic", "x-api-key: right", 200),
        ("anthropic", "Authorization: Bearer right", 200),
        ("anthropic", "x-api-key: wrong", 401),
        ("ollama", "Authorization: Bearer right", 200),
        ("ollama", "X-Nothing: 1", 401),
    ],
)
async def test_with_a_key_configured_only_that_key_is_served(
    kind: str, header: str, status: int, nursery: trio.Nursery
) -> None:
    quick = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=1)
    upstream = SimulatedUpstream("sim", kind, quick, api_key="right")
    got = await connect(upstream, nursery).ask("POST", CHAT_PATH[kind], chat(kind), VERSION, header)
    assert got.status == status
    if status == 401:
        check_shape(kind, got)
        assert b"wrong" not in got.body


def test_a_key_never_shows_in_a_repr() -> None:
    upstream = SimulatedUpstream("sim", "openai", api_key="sk-secret")
    assert "sk-secret" not in repr((upstream, upstream.dialect()))
    request = HttpRequest("POST", "/", {"authorization": "Bearer sk-secret"}, b"a prompt")
    assert "sk-secret" not in repr(request)
    assert "prompt" not in repr(request)


@pytest.mark.parametrize(
    ("kind", "path"), [("openai", "/v1/models"), ("anthropic", "/v1/models?limit=100")]
)
async def test_models_are_listed(kind: str, path: str, nursery: trio.Nursery) -> None:
    got = await ask(kind, nursery, "GET", path)
    assert got.status == 200
    assert [model["id"] for model in got.json["data"]] == list(MODELS)


async def test_ollama_lists_its_models_with_their_tags_and_takes_both_spellings(
    nursery: trio.Nursery,
) -> None:
    got = await ask("ollama", nursery, "GET", "/api/tags")
    assert [model["name"] for model in got.json["models"]] == [f"{m}:latest" for m in MODELS]
    for spelling in ("gpt-sim", "gpt-sim:latest"):
        got = await ask("ollama", nursery, "POST", "/api/show", {"model": spelling})
        assert "tools" in got.json["capabilities"]
        assert got.json["model_info"]["sim.context_length"] > 0


async def test_ollama_says_that_it_is_there(nursery: trio.Nursery) -> None:
    assert (await ask("ollama", nursery, "GET", "/")).body == b"Ollama is running"
    assert (await ask("ollama", nursery, "GET", "/api/version")).json["version"]


async def test_anthropic_counts_tokens_without_answering(nursery: trio.Nursery) -> None:
    body = {"model": "omen-demo", "system": "be brief", "messages": chat("openai")["messages"]}
    got = await ask("anthropic", nursery, "POST", "/v1/messages/count_tokens", body)
    assert got.json == {"input_tokens": 6}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_path_is_a_404(kind: str, nursery: trio.Nursery) -> None:
    assert (await ask(kind, nursery, "GET", "/v2/nothing")).status == 404
    assert (await ask(kind, nursery, "GET", CHAT_PATH[kind])).status == 404


def test_the_question_is_the_last_user_message_that_has_text() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "se"}, {"text": "cond"}, 3]},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": [{"type": "tool_result", "content": "12 C"}]},
    ]
    assert question_of(messages) == "second"
    assert question_of([]) == ""


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (None, "{}"),
        ({}, "{}"),
        ({"type": "object"}, "{}"),
        ({"properties": {"a": {"type": ["null", "string"]}}}, '{"a": null}'),
        (
            {"properties": {"a": {"type": "array"}, "b": {"type": "boolean"}}},
            '{"a": [], "b": true}',
        ),
        ({"properties": {"a": {"properties": {"b": {"enum": [7]}}}}}, '{"a": {"b": 7}}'),
        ({"properties": {"a": {"type": {}}, "b": 3}}, '{"a": "simulated", "b": "simulated"}'),
    ],
)
def test_tool_arguments_are_made_up_to_fit_the_schema(schema: Any, arguments: str) -> None:
    made = tool_use("lookup", schema)
    assert made is not None
    assert made.arguments == arguments
