"""A request's message, as the body that the HTTP door takes: one reader for both. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict
from pydantic_core import to_json

from omen.core.counts import DEFAULT_COUNTS, RequestCounts
from omen.core.errors import RequestError
from omen.core.json_reading import read_json
from omen.core.json_writing import json_pieces
from omen.front.grpc._omen_pb2 import ChatCompletionRequest
from omen.front.http.dialect import ParsedRequest
from omen.front.http.weighing import within_bounds
from omen.front.openai.parse import parse_chat

Body = dict[str, Any]
_OURS = ("stream", "metadata", "auto", "none", "function", "required")


def read_chat(
    request: ChatCompletionRequest,
    headers: Mapping[str, str],
    timeout: float | None,
    *,
    stream: bool,
    counts: RequestCounts = DEFAULT_COUNTS,
    is_heavy: bool = False,
) -> ParsedRequest:
    """Read what is asked. `timeout` is the call's own, in seconds.

    `is_heavy`: the caller is in a worker thread.

    **Raises.** `RequestError` (400), naming the field.
    """
    body = chat_body(request, stream=stream)
    data = b"".join(json_pieces(body)) if is_heavy else to_json(body)
    asked = parse_chat(data, headers)
    asked = replace(asked, request=within_bounds(asked.request, counts, is_heavy=is_heavy))
    if timeout is None:
        return asked
    bounds = [timeout, asked.hints.total_timeout]
    least = min(bound for bound in bounds if bound is not None)
    return replace(asked, hints=replace(asked.hints, total_timeout=least))


def chat_body(request: ChatCompletionRequest, *, stream: bool) -> Body:
    """Write the body of an OpenAI chat that asks for the same."""
    said: Body = MessageToDict(request, preserving_proto_field_name=True)
    body = {name: value for name, value in said.items() if name not in _OURS}
    body["messages"] = [
        _message(message, f"messages.{index}")
        for index, message in enumerate(said.get("messages", ()))
    ]
    if "tools" in said:
        body["tools"] = [_tool(tool, f"tools.{i}") for i, tool in enumerate(said["tools"])]
    if (choice := _tool_choice(said)) is not None:
        body["tool_choice"] = choice
    if "response_format" in said:
        body["response_format"] = _response_format(said["response_format"])
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _message(message: Body, where: str) -> Body:
    written = {name: value for name, value in message.items() if name != "parts"}
    if "parts" in message:
        if "content" in message:
            words = f"{where}: content and parts exclude each other"
            raise RequestError(words, param=where)
        written["content"] = [_part(part) for part in message["parts"]]
    if "tool_calls" in message:
        written["tool_calls"] = [_call(call) for call in message["tool_calls"]]
    return written


def _part(part: Body) -> Body:
    if "image_url" in part:
        return {"type": "image_url", "image_url": part["image_url"]}
    return {"type": "text", "text": part.get("text", "")}


def _call(call: Body) -> Body:
    function = call.get("function", {})
    return {
        "id": call.get("id", ""),
        "type": "function",
        "function": {
            "name": function.get("name", ""),
            "arguments": function.get("arguments", ""),
        },
    }


def _tool(tool: Body, where: str) -> Body:
    function = dict(tool.get("function", {}))
    if "parameters" in function:
        function["parameters"] = _json(function["parameters"], f"{where}.function.parameters")
    return {"type": tool.get("type") or "function", "function": function}


def _tool_choice(said: Body) -> str | Body | None:
    if said.get("required"):
        return "required"
    if "function" in said:
        return {"type": "function", "function": {"name": said["function"]}}
    return next((word for word in ("auto", "none") if said.get(word)), None)


def _response_format(said: Body) -> Body:
    written: Body = {"type": said.get("type", "")}
    if "schema" in said:
        named = {name: said[name] for name in ("name", "strict") if name in said}
        written["json_schema"] = {
            **named,
            "schema": _json(said["schema"], "response_format.schema"),
        }
    return written


def _json(text: str, where: str) -> Any:
    try:
        value = read_json(text.encode())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RequestError(f"{where}: must be a JSON object, as text", param=where)
    return value
