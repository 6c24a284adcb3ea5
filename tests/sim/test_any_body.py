"""Whatever JSON a request holds, it is understood or refused: no body breaks a dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.sim import ProviderKind, SimulatedUpstream
from omen.sim.dialect import Call, Dialect, Identity
from omen.sim.http import HttpReply, HttpRequest

CHAT = (
    *("stream", "stream_options", "max_completion_tokens", "temperature", "top_p", "stop", "tools"),
    *("tool_choice", "response_format", "reasoning_effort", "presence_penalty", "logprobs"),
)
EMBED = ("input", "encoding_format", "dimensions")
MESSAGES = ("system", "thinking", "output_config", "tools", "tool_choice")
ROUTES: tuple[tuple[ProviderKind, str, tuple[str, ...]], ...] = (
    ("openai", "/v1/chat/completions", CHAT),
    ("openai", "/v1/responses", ("reasoning", "text", "instructions", "include", *CHAT[2:5])),
    ("openai", "/v1/responses", ("stream", "tools", "tool_choice", "reasoning", "metadata")),
    ("openai", "/v1/embeddings", EMBED),
    ("azure", "/openai/v1/chat/completions", CHAT),
    ("azure", "/openai/deployments/m/embeddings?api-version=2024-10-21", EMBED),
    ("xai", "/v1/chat/completions", CHAT),
    ("anthropic", "/v1/messages", (*MESSAGES, "stream", "temperature", "top_k")),
    ("anthropic", "/v1/messages/count_tokens", MESSAGES),
    ("ollama", "/api/chat", ("stream", "tools", "think", "format", "options", "keep_alive")),
    ("ollama", "/api/embed", EMBED),
    ("ollama", "/api/show", ()),
)
MODELS = ("m", "gpt-6-sol", "gpt-5.4", "claude-opus-5-5", "claude-haiku-4-5", "grok-3-mini")
MODELS += ("qwen3", "text-embedding-3-small")
WORDS = (
    *("content", "type", "text", "role", "user", "assistant", "tool", "tool_calls", "id", "name"),
    *("function", "arguments", "input", "tool_use", "tool_result", "tool_use_id", "thinking"),
    *("signature", "call_id", "output", "function_call", "function_call_output", "message"),
    *("image_url", "input_text", "output_text", "json_schema", "schema", "format", "effort"),
    *("budget_tokens", "enabled", "adaptive", "properties", "items", "enum", "$ref", "anyOf"),
    *("minItems", "minimum", "high", "none", "reasoning", "summary"),
)

word = st.sampled_from(WORDS)
leaf = st.one_of(st.none(), st.booleans(), st.integers(-5, 5000), st.floats(), word, st.text())
anything = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=4)
)
said = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system"]), "content": anything},
        optional={"tool_calls": anything, "type": anything, "call_id": anything, "id": anything},
    ),
    min_size=1,
    max_size=3,
)


def bodies(path: str, fields: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that have what the route needs, and anything in what it may have."""
    needed = {"model": st.sampled_from(MODELS)}
    if "responses" in path:
        needed["input"] = said | anything
    elif "embed" not in path and "show" not in path:
        needed["messages"] = said
    if path.endswith("messages"):
        needed["max_tokens"] = st.just(2000)
    return st.fixed_dictionaries(needed, optional=dict.fromkeys(fields, anything | said))


def read(dialect: Dialect, path: str, body: dict[str, Any]) -> HttpReply | Call:
    path, _, query = path.partition("?")
    headers = {"anthropic-version": "2023-06-01"}
    raw = json.dumps(body).encode()
    return dialect.read(HttpRequest("POST", path, headers, raw, query=query))


def written(dialect: Dialect, call: Call) -> Iterator[bytes]:
    """Everything that the answer to a call can be made of."""
    answer = dialect.answer(call, Identity(1, 0.0))
    yield answer.start()
    yield from answer.think(("Well",))
    yield answer.speak()
    yield answer.token("yes")
    if call.tool is not None:
        yield from answer.tool_call(call.tool)
    yield answer.end("stop", 1)
    yield dialect.answer(call, Identity(1, 0.0)).whole("yes", "stop", 1, "Well")


@pytest.mark.parametrize(("kind", "path", "fields"), ROUTES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_body_is_understood_or_refused_and_an_answer_can_be_written(
    kind: ProviderKind, path: str, fields: tuple[str, ...], data: st.DataObject
) -> None:
    dialect = SimulatedUpstream("sim", kind, models=MODELS).dialect()
    found = read(dialect, path, data.draw(bodies(path, fields)))
    if isinstance(found, Call):
        assert all(isinstance(frame, bytes) for frame in written(dialect, found))
    else:
        assert found.status in (200, 400, 404)
