"""`python -m bench._compare.skeleton PORT`: the least a gateway with structured concurrency can do.

It parses a request, sends it to the upstream as a streamed one, reads the JSON of every frame and
writes every chunk anew, or collects the chunks. A request has a nursery, a task that watches the
client, and a lane in a nursery and a scope of its own; each read of the upstream has a scope. There
is no engine, plan, ledger, key or limit. The measure of what OMEN adds, not a server to use: it
believes its client and its upstream.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import Any

import httptools
import trio
from pydantic_core import from_json

_PATIENCE = 60.0
_READ = 65536
_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n"
    b"Content-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: %d\r\n\r\n"
)
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class _Message:
    """What the C parser calls, for requests and responses."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.is_whole = False

    def on_body(self, data: bytes) -> None:
        self.parts.append(data)

    def on_message_complete(self) -> None:
        self.is_whole = True


class _Answer:
    """The frames of one answer, written as chunks or collected."""

    def __init__(self, *, is_streamed: bool) -> None:
        self._id = f"chatcmpl-{os.urandom(12).hex()}"
        self._is_streamed = is_streamed
        self._before = (
            f'data: {{"id":"{self._id}","object":"chat.completion.chunk","created":1,'
            '"model":"mock","choices":[{"index":0,"delta":'
        ).encode()
        self._texts: list[str] = []
        self._usage: Any = None
        self._finish: str | None = None

    def take(self, frames: list[bytes]) -> bytes:
        """Read frames; return what the client gets now."""
        return b"".join([self._take_one(frame[6:]) for frame in frames])

    def _take_one(self, data: bytes) -> bytes:
        if data == b"[DONE]":
            return b"data: [DONE]\n\n" if self._is_streamed else b""
        frame, out = from_json(data), b""
        self._usage = frame.get("usage") or self._usage
        for choice in frame["choices"]:
            text, finish = choice["delta"].get("content"), choice.get("finish_reason")
            if text:
                self._texts.append(text)
            self._finish = finish or self._finish
            if self._is_streamed:
                end = b'"stop"' if finish else b"null"
                delta = _to_json(choice["delta"]).encode()
                out += self._before + delta + b',"logprobs":null,"finish_reason":%s}]}\n\n' % end
        return out

    def body(self) -> bytes:
        """Return the whole answer of a request that is not streamed."""
        message = {"role": "assistant", "content": "".join(self._texts)}
        choice = {"index": 0, "message": message, "finish_reason": self._finish}
        named = {"id": self._id, "object": "chat.completion", "created": 1, "model": "mock"}
        return _to_json({**named, "choices": [choice], "usage": self._usage}).encode()


class Skeleton:
    """Answers requests from one upstream. `port` is the upstream's, on loopback."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._idle: list[Any] = []

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer the requests of one connection."""
        sock = stream.socket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            message = _Message()
            parser = httptools.HttpRequestParser(message)
            while not message.is_whole:
                data = await sock.recv(_READ)
                if not data:
                    return
                parser.feed_data(data)
            request = from_json(b"".join(message.parts))
            answer = _Answer(is_streamed=bool(request.get("stream")))
            request |= {"stream": True, "stream_options": {"include_usage": True}}
            request.pop("omen", None)
            body = _to_json(request).encode()
            client = sock if answer._is_streamed else None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch, sock)
                async with trio.open_nursery() as lanes:
                    for scope in [trio.CancelScope()]:  # the lanes of a race of one
                        lanes.start_soon(self._lane, scope, client, body, answer)
                nursery.cancel_scope.cancel()
            if client is not None:
                await sock.send(b"0\r\n\r\n")
            else:
                whole = answer.body()
                await sock.send(_WHOLE % len(whole) + whole)

    async def _lane(
        self, scope: trio.CancelScope, client: Any, body: bytes, answer: _Answer
    ) -> None:
        with scope:
            upstream = self._idle.pop() if self._idle else await self._dial()
            is_sound = False
            try:
                await upstream.send(_REQUEST % len(body) + body)
                await _relay(upstream, client, answer)
                is_sound = True
            finally:
                if is_sound:
                    self._idle.append(upstream)
                else:
                    upstream.close()

    async def _dial(self) -> Any:
        sock = trio.socket.socket()
        await sock.connect(self._address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


async def _relay(upstream: Any, client: Any, answer: _Answer) -> None:
    response = _Message()
    parser = httptools.HttpResponseParser(response)
    rest, head = b"", _STREAM
    while not response.is_whole:
        with trio.CancelScope(deadline=trio.current_time() + _PATIENCE):
            data = await upstream.recv(_READ)
        if not data:
            raise ConnectionError("the upstream closed in the middle of an answer")
        parser.feed_data(data)
        *frames, rest = (rest + b"".join(response.parts)).split(b"\n\n")
        response.parts.clear()
        piece = answer.take(frames)
        if client is not None and piece:
            await client.send(head + b"%x\r\n%s\r\n" % (len(piece), piece))
            head = b""


async def _watch(sock: Any) -> None:
    await trio.lowlevel.wait_readable(sock.fileno())


async def _main(port: int) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host, own = listeners[0].socket.getsockname()[:2]
    print(f"omen: serving on http://{host}:{own}", flush=True)
    await trio.serve_listeners(Skeleton(port).serve, listeners)


if __name__ == "__main__":
    gc.freeze()
    trio.run(_main, int(sys.argv[1]))
