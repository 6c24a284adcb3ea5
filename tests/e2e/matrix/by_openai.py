"""What a client of the openai SDK asks of every provider."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.e2e.matrix.cells import HIDDEN, LEFT_OUT, Features, Session

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather", "parameters": PLACE},
}
BY_OPENAI = Features()


class City(BaseModel):
    name: str
    inhabitants: int


@BY_OPENAI.add
def chat(session: Session) -> None:
    """Chat."""
    answer = session.chat()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@BY_OPENAI.add
def streamed(session: Session) -> None:
    """Chat, streamed, with usage."""
    chunks = list(session.chat(stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens > 0


@BY_OPENAI.add
def helper(session: Session) -> None:
    """The SDK's streaming helper."""
    asked = {"model": session.model, "messages": [{"role": "user", "content": "hello"}]}
    with session.openai() as client, client.chat.completions.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content


@BY_OPENAI.add
def instructions(session: Session) -> None:
    """System and developer messages."""
    roles = ("system", "developer", "user")
    session.chat(messages=[{"role": role, "content": f"said by {role}"} for role in roles])
    assert all(f"said by {role}" in session.sent() for role in roles)


@BY_OPENAI.add
def limit(session: Session) -> None:
    """A limit of tokens ends the answer with `length`."""
    assert session.chat(max_tokens=9).choices[0].finish_reason == "length"


@BY_OPENAI.add
def tools(session: Session) -> None:
    """Tools: call, result, answer."""
    question = {"role": "user", "content": "What is the weather?"}
    asked = session.chat(messages=[question], tools=[WEATHER])
    (call,) = asked.choices[0].message.tool_calls
    assert asked.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"place"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "It rains frogs."}
    turn = [question, asked.choices[0].message.model_dump(exclude_none=True), result]
    answer = session.chat(messages=turn, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "stop"
    assert "It rains frogs." in session.sent()


@BY_OPENAI.add
def streamed_tools(session: Session) -> None:
    """Tool calls, streamed."""
    chunks = [c for c in session.chat(stream=True, tools=[WEATHER]) if c.choices]
    pieces = [call for c in chunks for call in c.choices[0].delta.tool_calls or ()]
    assert pieces[0].function.name == "weather"
    assert set(json.loads("".join(p.function.arguments or "" for p in pieces))) == {"place"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@BY_OPENAI.add
def forced(session: Session) -> None:
    """A forced tool call."""
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = session.chat(tools=[WEATHER], tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"


@BY_OPENAI.add
def no_tool(session: Session) -> None:
    """`tool_choice: "none"`."""
    assert not session.chat(tools=[WEATHER], tool_choice="none").choices[0].message.tool_calls


@BY_OPENAI.add
def structured(session: Session) -> None:
    """Structured output, parsed by the SDK."""
    asked: list[Any] = [{"role": "user", "content": "Name a city."}]
    with session.openai() as client:
        answer = client.chat.completions.parse(
            model=session.model, messages=asked, response_format=City
        )
    assert isinstance(answer.choices[0].message.parsed, City)


@BY_OPENAI.add
def image(session: Session) -> None:
    """An image in the request."""
    _show(session, {"type": "image_url", "image_url": {"url": PNG}})
    assert PNG.partition(",")[2] in session.sent()


@BY_OPENAI.add
def linked_image(session: Session) -> None:
    """An image by its address."""
    _show(session, {"type": "image_url", "image_url": {"url": "https://pictures.test/a.png"}})
    assert "https://pictures.test/a.png" in session.sent()


@BY_OPENAI.add
def document(session: Session) -> None:
    """A PDF in the request."""
    _show(session, {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}})
    assert PDF.partition(",")[2] in session.sent()


@BY_OPENAI.add
def reasoning(session: Session) -> str | None:
    """Reasoning on request, shown as `reasoning_content`."""
    message = session.chat(reasoning_effort="low").choices[0].message
    assert message.content
    return None if (message.model_extra or {}).get("reasoning_content") else HIDDEN


@BY_OPENAI.add
def reasoning_and_tools(session: Session) -> None:
    """Reasoning in a turn with tools."""
    question = {"role": "user", "content": "What is the weather?"}
    more = {"tools": [WEATHER], "reasoning_effort": "low"}
    asked = session.chat(messages=[question], **more).choices[0].message
    result = {
        "role": "tool",
        "tool_call_id": asked.tool_calls[0].id,
        "content": "It rains frogs.",
    }
    turn = asked.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    answer = session.chat(messages=[question, turn, result], **more)
    assert answer.choices[0].finish_reason == "stop"


@BY_OPENAI.add
def seed(session: Session) -> str | None:
    """`seed`."""
    session.chat(seed=471147)
    return None if "471147" in session.sent() else LEFT_OUT


@BY_OPENAI.add
def stop(session: Session) -> str | None:
    """`stop`."""
    session.chat(stop=["stop-here"])
    return None if "stop-here" in session.sent() else LEFT_OUT


@BY_OPENAI.add
def temperature(session: Session) -> str | None:
    """`temperature`."""
    session.chat(temperature=0.4711)
    return None if "0.4711" in session.sent() else LEFT_OUT


@BY_OPENAI.add
def unknown_field(session: Session) -> str | None:
    """A field that OMEN does not know."""
    session.chat(extra_body={"brand_new": "brand-new-value"})
    return None if "brand-new-value" in session.sent() else LEFT_OUT


@BY_OPENAI.add
def completions(session: Session) -> None:
    """Legacy completions."""
    with session.openai() as client:
        answer = client.completions.create(model=session.model, prompt="Once upon a time")
        chunks = list(
            client.completions.create(model=session.model, prompt="Once upon", stream=True)
        )
    assert answer.choices[0].text
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)


@BY_OPENAI.add
def embeddings(session: Session) -> None:
    """Embeddings, of a batch, as floats and as base64."""
    asked = {"model": session.embedding_model, "input": ["one", "two"]}
    with session.openai() as client:
        by_default = client.embeddings.create(**asked)
        floats = client.embeddings.create(**asked, encoding_format="float")
    assert [item.index for item in floats.data] == [0, 1]
    for one, other in zip(by_default.data, floats.data, strict=True):
        assert len(one.embedding) == len(other.embedding) > 0
        assert all(abs(a - b) < 1e-6 for a, b in zip(one.embedding, other.embedding, strict=True))


@BY_OPENAI.add
def models(session: Session) -> None:
    """The list of models, and one of them."""
    with session.openai() as client:
        assert session.model in [model.id for model in client.models.list()]
        assert client.models.retrieve(session.model).id == session.model


@BY_OPENAI.add
def unknown_model(session: Session) -> None:
    """A model that the provider lacks is a `NotFoundError`."""
    with session.openai() as client:
        provider = session.model.partition("/")[0]
        asked: list[Any] = [{"role": "user", "content": "hello"}]
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=f"{provider}/no-such-model", messages=asked)


def _show(session: Session, part: dict[str, Any]) -> None:
    parts = [{"type": "text", "text": "What is this?"}, part]
    assert session.chat(messages=[{"role": "user", "content": parts}]).choices[0].message.content
