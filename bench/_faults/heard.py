"""What a client hears at each door: an answer, an error before it, or an answer that breaks off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


@dataclass(slots=True)
class Heard:
    """One answer as its client takes it. `status` is that of HTTP, or what it would have been."""

    status: int = 200
    text: str = ""
    errors: list[Any] = field(default_factory=list)
    """The error objects that were sent, before the answer or in it."""
    has_end: bool = False
    """Whether the answer has the end that its dialect gives to a whole one."""
    retry_after: str | None = None


def sse(body: bytes) -> list[tuple[str, str]]:
    """Return the events of a stream: their names and data, without comments."""
    events = []
    for block in body.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = dict(line.partition(": ")[::2] for line in lines)
        if "data" in fields:
            events.append((fields.get("event", ""), fields["data"]))
    return events


def chunks(body: bytes, heard: Heard) -> None:
    """Read OpenAI's stream of chunks, of chats or of completions."""
    for _, data in sse(body):
        if data == "[DONE]":
            heard.has_end = not heard.errors
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            heard.errors.append(chunk["error"])
        else:
            heard.text += "".join(_chunk_text(choice) for choice in chunk["choices"])


def _chunk_text(choice: Json) -> str:
    return str(choice.get("text") or (choice.get("delta") or {}).get("content") or "")


def completion(body: bytes, heard: Heard) -> None:
    """Read OpenAI's whole answer."""
    message = json.loads(body)["choices"][0]
    heard.text = message.get("text") or (message.get("message") or {}).get("content") or ""
    heard.has_end = bool(message["finish_reason"])


def messages(body: bytes, heard: Heard) -> None:
    """Read Anthropic's stream."""
    for name, data in sse(body):
        event = json.loads(data)
        if name == "error":
            heard.errors.append(event["error"])
        elif name == "content_block_delta":
            heard.text += event["delta"].get("text", "")
        heard.has_end |= name == "message_stop"


def message(body: bytes, heard: Heard) -> None:
    """Read Anthropic's whole answer."""
    answer = json.loads(body)
    heard.text = "".join(block.get("text", "") for block in answer["content"])
    heard.has_end = bool(answer["stop_reason"])


def response_events(body: bytes, heard: Heard) -> None:
    """Read the stream of Responses."""
    for name, data in sse(body):
        event = json.loads(data)
        if name == "response.output_text.delta":
            heard.text += event["delta"]
        elif name == "response.failed":
            heard.errors.append(event["response"]["error"])
        elif name == "error":
            heard.errors.append(event)
        heard.has_end |= name in ("response.completed", "response.incomplete")


def response(body: bytes, heard: Heard) -> None:
    """Read a whole response."""
    answer = json.loads(body)
    parts = [part for item in answer["output"] for part in item.get("content") or ()]
    heard.text = "".join(part.get("text", "") for part in parts)
    heard.has_end = answer["status"] in ("completed", "incomplete")


def ollama(body: bytes, heard: Heard) -> None:
    """Read Ollama's lines, or its one body."""
    for line in filter(bytes.strip, body.splitlines()):
        answer = json.loads(line)
        if "error" in answer:
            heard.errors.append(answer["error"])
            continue
        heard.text += answer.get("response") or (answer.get("message") or {}).get("content") or ""
        heard.has_end |= bool(answer["done"])


def deltas(told: Iterable[Json]) -> str:
    """Return the text of OpenAI's chunks."""
    return "".join(_chunk_text(choice) for chunk in told for choice in chunk["choices"])


Read = Callable[[bytes, Heard], None]
