"""One request to one upstream that is quick, in memory."""

from __future__ import annotations

from typing import Any

import trio

from omen.sim import Fixed, Profile, SimulatedUpstream
from tests.sim.naive import Received, connect, sse

QUICK = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=4)
QUESTION = [{"role": "user", "content": "hello"}]
TOOL = {
    "name": "lookup_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
FUNCTION = {"type": "function", "function": TOOL}


def serving(kind: str, *models: str, **more: Any) -> SimulatedUpstream:
    """An upstream of these models."""
    return SimulatedUpstream("sim", kind, QUICK, models=models or ("omen-demo",), **more)  # type: ignore[arg-type]


async def ask(
    upstream: SimulatedUpstream,
    nursery: trio.Nursery,
    method: str,
    path: str,
    value: Any = None,
    *headers: str,
) -> Received:
    return await connect(upstream, nursery).ask(method, path, value, *headers)


async def complete(kind: str, model: str, nursery: trio.Nursery, **body: Any) -> Received:
    """Ask one model for a chat completion, by the route of its vendor."""
    path = "/openai/v1/chat/completions" if kind == "azure" else "/v1/chat/completions"
    whole = {"model": model, "messages": QUESTION, **body}
    return await ask(serving(kind, model), nursery, "POST", path, whole)


async def message(model: str, nursery: trio.Nursery, *headers: str, **body: Any) -> Received:
    """Ask one model for a message, in Anthropic's API."""
    whole = {"model": model, "max_tokens": 4096, "messages": QUESTION, **body}
    version = () if any(h.startswith("anthropic-version") for h in headers) else VERSION
    upstream = serving("anthropic", model)
    return await ask(upstream, nursery, "POST", "/v1/messages", whole, *version, *headers)


VERSION = ("anthropic-version: 2023-06-01",)


def error_of(got: Received) -> tuple[int, str, str | None]:
    """Status, message and param of an error in OpenAI's form."""
    error = got.json["error"]
    return got.status, error["message"], error["param"]


def datas(body: bytes) -> list[str]:
    """The data of every event of a stream."""
    return [data for name, data in sse(body) if name != ":"]


def said(got: Received) -> str:
    """The message of a refusal in Anthropic's form."""
    assert got.json["type"] == "error"
    assert got.json["error"]["type"] == "invalid_request_error"
    assert got.json["request_id"] == got.headers["request-id"]
    assert got.status == 400
    return str(got.json["error"]["message"])
