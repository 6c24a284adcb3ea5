"""Every door: its path, its request for a streamed race, and its client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench._chat import CHAT_PATH, chat_body
from bench._client import Client
from bench._doors.asker import Asker
from bench._doors.call_client import CallClient
from bench._doors.socket_client import PoliteSocketClient, SocketClient
from omen.front.grpc._omen_pb2 import ChatCompletionRequest, ChatMessage, OmenHints
from omen.sim import DEMO_MODEL

Hints = Mapping[str, Any] | None
Write = Callable[[str, Hints], bytes]


@dataclass(frozen=True, slots=True)
class Door:
    """One door. `write` returns the request for a question with hints."""

    name: str
    path: str
    write: Write
    client: Callable[..., Asker] = Client


def _json(**fields: Any) -> Write:
    """Return a function that writes a body, with the question in place of `...`."""

    def write(question: str, hints: Hints) -> bytes:
        body = {"model": DEMO_MODEL, "stream": True, **fields}
        asked = {name: question if value is ... else value for name, value in body.items()}
        if asked.get("messages") is None and "messages" in asked:
            asked["messages"] = [{"role": "user", "content": question}]
        return json.dumps({**asked, "omen": hints}).encode("ascii")

    return write


def _call(question: str, hints: Hints) -> bytes:
    said = hints or {}
    request = ChatCompletionRequest(
        model=DEMO_MODEL,
        messages=[ChatMessage(role="user", content=question)],
        omen=OmenHints(**said),
    )
    return request.SerializeToString()


def _explained(question: str, hints: Hints) -> bytes:
    """Return a request frame with `explain`: on a socket, an event names the winner."""
    return chat_body(question, {**(hints or {}), "explain": True})


CHAT = Door("chat", CHAT_PATH, lambda question, hints: chat_body(question, hints))
DOORS = (
    CHAT,
    Door("completions", "/v1/completions", _json(prompt=...)),
    Door("messages", "/v1/messages", _json(messages=None, max_tokens=4096)),
    Door("responses", "/v1/responses", _json(input=...)),
    Door("ollama chat", "/api/chat", _json(messages=None)),
    Door("ollama generate", "/api/generate", _json(prompt=...)),
    Door("websocket, vanishing", "/omen/ws", _explained, SocketClient),
    Door("websocket, cancel", "/omen/ws", _explained, PoliteSocketClient),
    Door("grpc", "/omen.v1.OmenService/StreamChatCompletion", _call, CallClient),
)
