"""The doors of the matrix: how a chat is asked for at each, in virtual time, without a socket."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio
from google.rpc import error_details_pb2, status_pb2

from bench._faults import heard as reading
from bench._faults.heard import Heard, Read
from omen.config import ServerSettings
from omen.front.app import make_app
from omen.front.grpc import _omen_pb2 as pb
from omen.front.grpc._framing import MessageReader, frame
from omen.front.http.asgi import App
from tests.front.client import Message, piece, scope, talk
from tests.front.responses_socket.turns import create, hear_all, open_socket
from tests.front.websocket.dialog import open_dialog
from tests.world import World

WORDS = [{"role": "user", "content": "hello"}]
TIMEOUT_MS = 300_000.0
Ask = Callable[[World, str, str], Awaitable[Heard]]
"""Asks a model, or several, once with a strategy."""


@dataclass(frozen=True, slots=True)
class Door:
    """One column of the matrix."""

    name: str
    ask: Ask
    streams: bool


def make_front(world: World) -> App:
    """Return the app before a gateway."""
    return make_app(world.gateway, world.feed, ServerSettings(), trio.Event())


def _http(path: str, fields: Mapping[str, Any], read: Read, *, streams: bool) -> Ask:
    async def ask(world: World, model: str, strategy: str) -> Heard:
        body = json.dumps({"model": model, "stream": streams, **fields}).encode()
        hints = {"strategy": strategy, "k": "2", "total-timeout-ms": f"{TIMEOUT_MS:g}"}
        headers = [(f"x-omen-{name}", value) for name, value in hints.items()]
        headers.append(("content-type", "application/json"))
        said = await talk(make_front(world), scope(path, headers=headers), (0, piece(body)))
        if not said.complete:
            raise AssertionError("the response has no end")
        answer = Heard(said.status, retry_after=said.headers.get("retry-after"))
        if said.status == 200:
            read(said.body, answer)
        else:
            answer.errors = [json.loads(said.body)["error"]]
        return answer

    return ask


async def _websocket(world: World, model: str, strategy: str) -> Heard:
    hints = {"strategy": strategy, "k": 2, "total_timeout_ms": TIMEOUT_MS}
    async with open_dialog(world, buffer=100) as dialog:
        await dialog.say(
            type="request", id="a", body={"model": model, "messages": WORDS, "omen": hints}
        )
        last = await dialog.hear_end("a")
        text = reading.deltas(told["chunk"] for told in dialog.of("a", "chunk"))
    if last["type"] == "done":
        return Heard(200, text, has_end=True)
    status = 200 if text else last["error"]["status"]
    wait = last["error"].get("retry_after")
    return Heard(status, text, [last["error"]], retry_after=None if wait is None else str(wait))


async def _responses_websocket(world: World, model: str, strategy: str) -> Heard:
    hints = {"strategy": strategy, "k": 2, "total_timeout_ms": TIMEOUT_MS}
    async with open_socket(world, buffer=100) as dialog:
        await create(dialog, model=model, omen=hints)
        events = await hear_all(dialog)
    last = events[-1]
    if last["type"] == "error":
        wait = last["error"].get("retry_after")
        retry_after = None if wait is None else str(wait)
        return Heard(last["status"], errors=[last["error"]], retry_after=retry_after)
    deltas = (event["delta"] for event in events if event["type"] == "response.output_text.delta")
    heard = Heard(200, "".join(deltas), has_end=last["type"] != "response.failed")
    if not heard.has_end:
        heard.errors = [last["response"]["error"]]
    return heard


def _grpc(method: str) -> Ask:
    async def ask(world: World, model: str, strategy: str) -> Heard:
        request = pb.ChatCompletionRequest(model=model)
        request.messages.add(role="user", content="hello")
        request.omen.strategy, request.omen.k = strategy, 2
        request.omen.total_timeout_ms = TIMEOUT_MS
        sent = await _call(make_front(world), method, frame(request.SerializeToString()))
        body = b"".join(m["body"] for m in sent if m["type"] == "http.response.body")
        (end,) = [m for m in sent if m["type"] == "http.response.trailers"]
        trailers = dict(end["headers"])
        answer = Heard(text=_grpc_text(method, body))
        answer.has_end = trailers[b"grpc-status"] == b"0"
        if not answer.has_end:
            facts = _facts(trailers[b"grpc-status-details-bin"])
            # A stream that has begun breaks off; before that the status is as over HTTP.
            answer.status = 200 if answer.text else int(facts["status"])
            answer.errors = [trailers[b"grpc-message"]]
            answer.retry_after = facts.get("retry_after")
        return answer

    return ask


async def _call(app: App, method: str, body: bytes) -> list[Message]:
    sent: list[Message] = []
    said = [piece(body)]

    async def receive() -> Message:
        if said:
            return said.pop()
        await trio.sleep_forever()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    headers = [("content-type", "application/grpc"), ("te", "trailers")]
    asked = {**scope(f"/omen.v1.OmenService/{method}", headers=headers), "http_version": "2"}
    with trio.fail_after(10_000):
        await app(asked, receive, send)
    return sent


def _facts(details: bytes) -> Mapping[str, str]:
    """Return what the details of an error say, by name."""
    status = status_pb2.Status.FromString(base64.b64decode(details + b"=="))
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return dict(info.metadata)


def _grpc_text(method: str, body: bytes) -> str:
    reader = MessageReader("identity", 2**24)
    reader.feed(body)
    text = ""
    while (message := reader.next()) is not None:
        if method == "StreamChatCompletion":
            choices = pb.ChatCompletionChunk.FromString(message).choices
            text += "".join(choice.delta.content for choice in choices)
        else:
            text += pb.ChatCompletionResponse.FromString(message).choices[0].message.content
    return text


_PROMPT, _CHAT = {"prompt": "hello"}, {"messages": WORDS}
_BODIES: tuple[tuple[str, str, Mapping[str, Any], Read, Read], ...] = (
    ("chat", "/v1/chat/completions", _CHAT, reading.chunks, reading.completion),
    ("completions", "/v1/completions", _PROMPT, reading.chunks, reading.completion),
    ("messages", "/v1/messages", _CHAT | {"max_tokens": 99}, reading.messages, reading.message),
    (
        "responses",
        "/v1/responses",
        {"input": "hello"},
        reading.response_events,
        reading.response,
    ),
    ("ollama chat", "/api/chat", _CHAT, reading.ollama, reading.ollama),
    ("ollama generate", "/api/generate", _PROMPT, reading.ollama, reading.ollama),
)
DOORS = (
    *(Door(n, _http(path, f, stream, streams=True), True) for n, path, f, stream, _ in _BODIES),
    *(
        Door(f"{n}, whole", _http(path, f, whole, streams=False), False)
        for n, path, f, _, whole in _BODIES
    ),
    Door("websocket", _websocket, True),
    Door("responses, websocket", _responses_websocket, True),
    Door("gRPC", _grpc("StreamChatCompletion"), True),
    Door("gRPC, whole", _grpc("ChatCompletion"), False),
)
