"""What a request of Ollama's API means, and which field is named when it means nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest, ImagePart
from omen.core.errors import RequestError
from omen.front.http.dialect import ImmediateAnswer, ParsedRequest
from omen.front.ollama import OllamaChat, OllamaGenerate
from omen.providers import KINDS

USER = {"role": "user", "content": "hi"}


def chat(**more: Any) -> ParsedRequest:
    body = {"model": "m", "messages": [USER], **more}
    asked = OllamaChat().parse(json.dumps(body).encode(), {})
    assert isinstance(asked, ParsedRequest)
    return asked


def sent(request: ChatRequest, kind: str) -> dict[str, Any]:
    """What an upstream of this kind is sent."""
    candidate = Candidate("p", kind, "m", Endpoint("http://up.test"), "p")
    body: dict[str, Any] = json.loads(KINDS[kind].encode(request, candidate).body)
    return body


def test_it_streams_unless_it_is_told_not_to() -> None:
    assert chat().stream
    assert chat(stream=True).stream
    assert not chat(stream=False).stream


def test_options_become_what_every_provider_has() -> None:
    options = {
        "num_predict": 7,
        "temperature": 0.5,
        "top_p": 1,
        "seed": 3,
        "stop": ["a"],
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }
    request = chat(options=options).request
    assert (request.max_tokens, request.temperature, request.top_p) == (7, 0.5, 1)
    assert (request.seed, request.stop) == (3, ("a",))
    assert (request.presence_penalty, request.frequency_penalty) == (0.1, 0.2)


@pytest.mark.parametrize("tokens", [-1, -2, 0])
def test_no_bound_of_tokens_is_no_bound(tokens: int) -> None:
    assert chat(options={"num_predict": tokens}).request.max_tokens is None


def test_what_only_ollama_has_goes_to_ollama_only() -> None:
    asked = chat(
        options={"num_ctx": 8192, "mirostat": 1, "top_k": 5, "temperature": 0},
        keep_alive="10m",
        truncate=True,
    )
    body = sent(asked.request, "ollama")
    assert body["options"] == {"num_ctx": 8192, "mirostat": 1, "top_k": 5, "temperature": 0}
    assert (body["keep_alive"], body["truncate"]) == ("10m", True)
    plain = sent(chat(options={"temperature": 0}).request, "openai")
    assert sent(asked.request, "openai") == plain


@pytest.mark.parametrize(
    ("think", "sent_on"), [("high", "high"), ("low", "low"), (False, False), (True, True)]
)
def test_thinking_goes_to_ollama_as_it_was_asked_for(think: Any, sent_on: Any) -> None:
    assert sent(chat(think=think).request, "ollama")["think"] == sent_on


@pytest.mark.parametrize(
    ("think", "effort"), [("high", "high"), (False, "none"), (True, "medium"), (None, None)]
)
def test_thinking_is_an_effort_at_every_other_provider(think: Any, effort: str | None) -> None:
    assert chat(think=think).request.reasoning_effort == effort
    assert sent(chat(think=think).request, "openai_compatible").get("reasoning_effort") == effort


def test_null_is_a_field_that_is_not_there() -> None:
    """Go's JSON decoder reads it so, and clients of OpenAI's API send null beside calls."""
    call = {"function": {"name": "f", "arguments": None}}
    history = [
        USER,
        {"role": "assistant", "content": None, "images": None, "tool_calls": [call]},
        {"role": "tool", "tool_name": "f", "content": None},
        {"role": "assistant", "content": "done", "tool_calls": None},
    ]
    messages = chat(messages=history, tools=None, options=None, format=None).request.messages
    assert messages[1].parts == ()
    assert messages[1].tool_calls[0].arguments == "{}"
    assert messages[2].text == ""
    assert messages[3].tool_calls == ()


@pytest.mark.parametrize(
    ("dialect", "body"),
    [(OllamaChat(), {"messages": None}), (OllamaGenerate(), {"prompt": None, "images": None})],
)
def test_nothing_to_say_loads_the_model(dialect: Any, body: dict[str, Any]) -> None:
    asked = dialect.parse(json.dumps({"model": "m", **body}).encode(), {})
    assert isinstance(asked, ImmediateAnswer)
    assert asked.body["done_reason"] == "load"


@pytest.mark.parametrize(
    ("asked", "kind"), [("json", "json_object"), ({"type": "object"}, "json_schema"), ("", None)]
)
def test_a_format_is_one_of_three(asked: Any, kind: str | None) -> None:
    found = chat(format=asked).request.response_format
    assert (found.kind if found else None) == kind


def test_calls_without_ids_find_their_results_by_name_and_order() -> None:
    call = {"function": {"name": "f", "arguments": {"b": 1, "a": [2]}}}
    history = [
        USER,
        {"role": "assistant", "tool_calls": [call, call, {"function": {"name": "g"}}]},
        {"role": "tool", "tool_name": "g", "content": "of g"},
        {"role": "tool", "tool_name": "f", "content": "first of f"},
        {"role": "tool", "content": "second of f"},
    ]
    messages = chat(messages=history).request.messages
    ids = [made.id for made in messages[1].tool_calls]
    assert len(set(ids)) == 3
    assert messages[1].tool_calls[0].arguments == '{"b":1,"a":[2]}'
    assert [m.tool_call_id for m in messages[2:]] == [ids[2], ids[0], ids[1]]


def test_ids_that_are_given_are_kept() -> None:
    call = {"id": "call_9", "function": {"name": "f", "arguments": {}}}
    history = [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": "x"},
    ]
    messages = chat(messages=history).request.messages
    assert messages[1].tool_calls[0].id == messages[2].tool_call_id == "call_9"
    assert messages[1].parts == ()


def result(**more: Any) -> dict[str, Any]:
    return {"role": "tool", "content": "21 C", **more}


def test_a_result_without_its_call_gets_one_so_that_anybody_can_be_told() -> None:
    request = chat(messages=[USER, result(tool_name="weather"), result(), USER]).request
    _, called, first, second, _ = request.messages
    assert called.role == "assistant"
    assert [(call.name, call.arguments) for call in called.tool_calls] == [
        ("weather", "{}"),
        ("tool", "{}"),
    ]
    assert [first.tool_call_id, second.tool_call_id] == [call.id for call in called.tool_calls]
    for kind in KINDS:
        assert "21 C" in json.dumps(sent(request, kind))
    assert sent(request, "ollama")["messages"][2]["tool_name"] == "weather"


def test_the_turn_that_called_gets_the_call_that_is_missing() -> None:
    said = {"role": "assistant", "content": "I look.", "tool_calls": [{"function": {"name": "f"}}]}
    history = [said, result(tool_name="g"), result(tool_name="f"), said, result(tool_name="g")]
    messages = chat(messages=history).request.messages
    assert [m.role for m in messages] == ["assistant", "tool", "tool", "assistant", "tool"]
    assert [[c.name for c in m.tool_calls] for m in messages] == [
        ["f", "g"],
        [],
        [],
        ["f", "g"],
        [],
    ]
    made = [call.id for m in messages for call in m.tool_calls]
    assert len(set(made)) == 4
    assert [m.tool_call_id for m in messages if m.role == "tool"] == [made[1], made[0], made[3]]


def test_ids_that_are_made_are_none_of_the_clients() -> None:
    mine = {"id": "call_1", "function": {"name": "f"}}
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}, mine]}
    history = [called, result(tool_call_id="call_0"), result(tool_call_id="call_0")]
    messages = chat(messages=history).request.messages
    assert [call.id for call in messages[0].tool_calls] == ["call_2", "call_1", "call_0"]


def test_a_picture_may_come_in_lines() -> None:
    image = base64.encodebytes(b"\x89PNG" + bytes(200)).decode()
    (message,) = chat(messages=[{**USER, "images": [image]}]).request.messages
    part = message.parts[1]
    assert isinstance(part, ImagePart)
    assert part.url == "data:image/png;base64," + image.replace("\n", "")


@pytest.mark.parametrize(
    ("begins", "kind"),
    [(b"\x89PNG\r\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF89a", "gif"), (b"??", "png")],
)
def test_a_picture_is_told_by_its_first_bytes(begins: bytes, kind: str) -> None:
    image = base64.b64encode(begins + bytes(20)).decode()
    (message,) = chat(messages=[{**USER, "images": [image]}]).request.messages
    part = message.parts[1]
    assert isinstance(part, ImagePart)
    assert part.url == f"data:image/{kind};base64,{image}"


def test_a_prompt_is_what_the_user_says() -> None:
    body = {"model": "m", "prompt": "why", "system": "be brief", "raw": False, "suffix": ""}
    asked = OllamaGenerate().parse(json.dumps(body).encode(), {})
    assert isinstance(asked, ParsedRequest)
    assert [(m.role, m.text) for m in asked.request.messages] == [
        ("system", "be brief"),
        ("user", "why"),
    ]


def test_hints_are_those_of_everybody() -> None:
    asked = chat(omen={"strategy": "race", "k": 3}, tags={"project": "p"})
    assert (asked.hints.strategy, asked.hints.k, asked.hints.tags) == ("race", 3, {"project": "p"})


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"messages": [{"role": "developer", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{**USER, "images": ["not base64!"]}]}, "messages.0.images.0"),
        ({"messages": [{**USER, "images": ["iVBOR"]}]}, "messages.0.images.0"),
        ({"messages": [{**USER, "images": [""]}]}, "messages.0.images.0"),
        ({"messages": [{**USER, "images": [7]}]}, "messages.0.images.0"),
        ({"messages": "hi"}, "messages"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": {"num_ctx": 1e999}}, "options.num_ctx"),
        ({"format": 3}, "format"),
        ({"format": "xml"}, "format"),
        ({"think": 3}, "think"),
        ({"think": "hard"}, "think"),
        ({"omen": {"fast": True}}, "omen.fast"),
        ({"omen": {"merge": {"method": "choices"}}}, "omen.merge.method"),
        ({"omen": {"on_failure": "restart"}}, "omen.on_failure"),
        ({"model": ""}, "model"),
    ],
)
def test_a_mistake_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as told:
        chat(**more)
    assert (told.value.status, told.value.param) == (400, param)


@pytest.mark.parametrize("name", ["suffix", "template", "raw", "context"])
def test_what_a_chat_model_cannot_do_is_refused(name: str) -> None:
    value = {"suffix": "}", "template": "x", "raw": True, "context": [1]}[name]
    with pytest.raises(RequestError, match=name):
        OllamaGenerate().parse(json.dumps({"model": "m", "prompt": "x", name: value}).encode(), {})


def test_without_a_question_there_is_nothing_to_ask() -> None:
    said = OllamaChat().parse(b'{"model": "m", "keep_alive": 0}', {})
    assert isinstance(said, ImmediateAnswer)
    assert (said.body["done"], said.body["done_reason"]) == (True, "unload")
