"""Upstreams that answer as an attack needs it: by the name of the model, over raw sockets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

WORDS = "This is an answer with more than five useful tokens in it."
_MOST_HEAD = 256 * 1024


@dataclass(slots=True)
class Call:
    """One request to the upstream."""

    stream: trio.SocketStream
    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return str(self.body.get("model", ""))

    async def reply(
        self, status: int, body: object, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with JSON, or with bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}"]
        fields = {"content-type": "application/json", **(headers or {})}
        lines += [f"{name}: {value}" for name, value in fields.items()]
        await self.stream.send_all("\r\n".join([*lines, "", ""]).encode("latin-1") + data)

    async def begin(self) -> None:
        """Begin a stream of server-sent events, which ends with the connection."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        await self.stream.send_all(head)

    async def event(self, data: object) -> None:
        """Send one event."""
        await self.stream.send_all(b"data: " + json.dumps(data).encode() + b"\n\n")

    async def end(self) -> None:
        """Send the last event and close."""
        await self.stream.send_all(b"data: [DONE]\n\n")
        await self.stream.aclose()


Reply = Callable[[Call], Awaitable[None]]


def completion(text: str = WORDS, usage: object = None) -> dict[str, Any]:
    """Return a whole answer."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 12, "total_tokens": 17}
        if usage is None
        else usage,
    }


def piece(delta: Mapping[str, Any], finish: str | None = None, **more: object) -> dict[str, Any]:
    """Return one event of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


def say(text: str = WORDS, usage: object = None, *, gap: float = 0.0) -> Reply:
    """Answer this text, whole or streamed, after a pause (and, streamed, with it after each)."""

    async def reply(call: Call) -> None:
        await trio.sleep(gap)
        whole = completion(text, usage)
        if not call.body.get("stream"):
            await call.reply(200, whole)
            return
        await call.begin()
        for word in text.split(" "):
            await call.event(piece({"content": f"{word} "}))
            await trio.sleep(gap)
        await call.event(piece({}, "stop"))
        await call.event({**piece({}), "choices": [], "usage": whole["usage"]})
        await call.end()

    return reply


def fail(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer a status and a body."""

    async def reply(call: Call) -> None:
        await call.reply(status, body, headers)

    return reply


@dataclass(slots=True)
class Upstream:
    """A server with a reply for each model, and for each path that is not about one.

    The reply of `""` is for models without one of their own; without it they get a plain answer.
    """

    replies: dict[str, Reply] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    """How often each model, or path, was asked for."""
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL of its API."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, task_status: trio.TaskStatus[None]) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            serve = partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1")
            listeners = await nursery.start(serve)
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()

    async def _connection(self, stream: trio.SocketStream) -> None:
        data = bytearray()
        try:
            async with stream:
                while (call := await _read_call(stream, data)) is not None:
                    await self._reply(call)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the gateway has gone, which an attack may have caused

    async def _reply(self, call: Call) -> None:
        name = call.model or call.path
        self.calls[name] += 1
        if call.method == "GET" and name not in self.replies:
            models = [{"id": model, "object": "model"} for model in self.replies if model]
            await call.reply(200, {"object": "list", "data": models})
            return
        await self.replies.get(name, self.replies.get("", say()))(call)


async def _read_call(stream: trio.SocketStream, data: bytearray) -> Call | None:
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = await stream.receive_some(65536)
        if not more or len(data) > _MOST_HEAD:
            return None
        data += more
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    whole = end + 4 + int(headers.get("content-length", 0))
    while len(data) < whole:
        more = await stream.receive_some(1 << 20)
        if not more:
            return None
        data += more
    body = bytes(data[end + 4 : whole])
    del data[:whole]
    method, path, _ = first.split(" ")
    is_json = body[:1] == b"{"
    return Call(stream, method, path, headers, json.loads(body) if is_json else {})
