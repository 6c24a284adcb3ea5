"""A schema is asked for in each vendor's own way, and the answer is JSON that fits it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from tests.sim.asking import QUESTION, VERSION, ask, serving
from tests.sim.naive import CHAT_PATH, Received, finish, frames, streamed_text

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"enum": [7]}}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
FIT = {"city": "simulated", "days": [7]}
NAMED = {"name": "weather", "schema": SCHEMA, "strict": True}
CHAT = {"response_format": {"type": "json_schema", "json_schema": NAMED}}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": (CHAT_PATH["openai"], CHAT),
    "azure": (CHAT_PATH["azure"], CHAT),
    "xai": (CHAT_PATH["xai"], CHAT),
    "responses": ("/v1/responses", {"text": {"format": {"type": "json_schema", **NAMED}}}),
    "anthropic": (
        CHAT_PATH["anthropic"],
        {"max_tokens": 99, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ),
    "ollama": (CHAT_PATH["ollama"], {"format": SCHEMA}),
}


async def asked(way: str, nursery: trio.Nursery, stream: bool, **more: Any) -> Received:
    path, wanted = WAYS[way]
    said = {"input": "hello"} if way == "responses" else {"messages": QUESTION}
    body = {"model": "omen-demo", "stream": stream, **said, **wanted, **more}
    upstream = serving("openai" if way == "responses" else way)
    return await ask(upstream, nursery, "POST", path, body, *VERSION)


def text_of(way: str, got: Received) -> tuple[str, int]:
    """The text of a stream, and in how many pieces it came."""
    if way != "responses":
        pieces = [f for f in frames(way, got.body) if streamed_text(way, _frame(way, f))]
        return streamed_text(way, got.body), len(pieces)
    deltas = [
        f["delta"] for f in frames(way, got.body) if f["type"] == "response.output_text.delta"
    ]
    return "".join(deltas), len(deltas)


def _frame(way: str, frame: dict[str, Any]) -> bytes:
    raw = json.dumps(frame).encode()
    return raw if way == "ollama" else b"data: " + raw + b"\n\n"


@pytest.mark.parametrize("way", WAYS)
async def test_streamed_it_comes_in_pieces_that_make_one_text(
    way: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await asked(way, nursery, stream=True)
    text, pieces = text_of(way, got)
    assert json.loads(text) == FIT
    assert pieces > 3


@pytest.mark.parametrize("way", WAYS)
async def test_whole_it_is_the_same_text(
    way: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = (await asked(way, nursery, stream=False)).json
    match way:
        case "responses":
            text = got["output"][0]["content"][0]["text"]
        case "anthropic":
            text = got["content"][0]["text"]
        case "ollama":
            text = got["message"]["content"]
        case _:
            text = got["choices"][0]["message"]["content"]
    assert json.loads(text) == FIT


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_limit_cuts_json_as_it_cuts_words(
    limit: int, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await asked("openai", nursery, stream=True, max_tokens=limit)
    text, pieces = text_of("openai", got)
    assert (pieces, finish("openai", got.body)) == (limit, "length")
    assert json.dumps(FIT).startswith(text)


@pytest.mark.parametrize(("way", "more"), [("ollama", {"format": "json"})])
async def test_any_json_is_an_object(
    way: str, more: dict[str, Any], nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await asked(way, nursery, stream=True, **more)
    assert json.loads(text_of(way, got)[0]) == {"answer": "simulated"}


async def test_anthropic_wants_objects_that_are_closed(nursery: trio.Nursery) -> None:
    for schema, where in (
        ({"type": "object"}, "schema"),
        ({"type": "array", "items": {"type": "object", "properties": {}}}, "schema.items"),
    ):
        form = {"format": {"type": "json_schema", "schema": schema}}
        got = await asked("anthropic", nursery, stream=False, output_config=form)
        assert got.status == 400
        assert got.json["error"]["message"].startswith(
            f"output_config.format.{where}: For 'object'"
        )


async def test_old_models_have_no_schemas(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    for model, status in (("claude-opus-4-1", 400), ("claude-sonnet-4-5", 200)):
        path, wanted = WAYS["anthropic"]
        body = {"model": model, "messages": QUESTION, **wanted}
        got = await ask(serving("anthropic", model), nursery, "POST", path, body, *VERSION)
        assert got.status == status
