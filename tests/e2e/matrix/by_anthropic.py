"""What a client of the anthropic SDK asks of every provider."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from tests.e2e.matrix.by_openai import PLACE, PNG
from tests.e2e.matrix.cells import Features, Session

WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "The weather",
    "input_schema": PLACE,
}
HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
BY_ANTHROPIC = Features()


def create(session: Session, *messages: dict[str, Any], **more: Any) -> Any:
    asked = {"model": session.model, "max_tokens": 4096, "messages": list(messages or (HELLO,))}
    with session.anthropic() as client:
        return client.messages.create(**{**asked, **more})


@BY_ANTHROPIC.add
def message(session: Session) -> None:
    """Messages."""
    answer = create(session, system="Be brief.")
    assert answer.content[-1].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0
    assert "Be brief." in session.sent()


@BY_ANTHROPIC.add
def streamed(session: Session) -> None:
    """Messages, by the SDK's streaming helper."""
    asked: dict[str, Any] = {"model": session.model, "max_tokens": 4096, "messages": [HELLO]}
    with session.anthropic() as client, client.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text
    assert final.content[-1].text == text
    assert final.stop_reason == "end_turn"


@BY_ANTHROPIC.add
def tools(session: Session) -> None:
    """Tools: use, result, answer."""
    question = {"role": "user", "content": "What is the weather?"}
    asked = create(session, question, tools=[WEATHER])
    assert asked.stop_reason == "tool_use"
    (use,) = [block for block in asked.content if block.type == "tool_use"]
    assert set(use.input) == {"place"}
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "It rains frogs."}
    turn = {"role": "assistant", "content": [block.model_dump() for block in asked.content]}
    answer = create(session, question, turn, {"role": "user", "content": [result]}, tools=[WEATHER])
    assert answer.stop_reason == "end_turn"
    assert "It rains frogs." in session.sent()


@BY_ANTHROPIC.add
def image(session: Session) -> None:
    """An image in the request."""
    data = PNG.partition(",")[2]
    source = {"type": "base64", "media_type": "image/png", "data": data}
    shown = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    assert create(session, {"role": "user", "content": shown}).content
    assert data in session.sent()


@BY_ANTHROPIC.add
def limit(session: Session) -> None:
    """A limit of tokens ends the answer with `max_tokens`."""
    assert create(session, max_tokens=9).stop_reason == "max_tokens"


@BY_ANTHROPIC.add
def count(session: Session) -> None:
    """`count_tokens`."""
    with session.anthropic() as client:
        short = client.messages.count_tokens(model=session.model, messages=[HELLO])
        long = client.messages.count_tokens(
            model=session.model, messages=[{"role": "user", "content": "hello " * 100}]
        )
    assert 0 < short.input_tokens < long.input_tokens


@BY_ANTHROPIC.add
def unknown_model(session: Session) -> None:
    """A model that the provider lacks is a `NotFoundError`."""
    provider = session.model.partition("/")[0]
    with pytest.raises(anthropic.NotFoundError, match="not_found_error"):
        create(session, model=f"{provider}/no-such-model")
