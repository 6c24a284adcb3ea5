"""A client that shares no code with what it tests: raw bytes, split by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import trio
from trio.testing import memory_stream_pair

from omen.sim import ProviderKind, RunningUpstream, SimulatedUpstream, StreamStats

KINDS: tuple[ProviderKind, ...] = ("openai", "anthropic", "ollama", "azure", "xai")
CHAT_PATH = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "ollama": "/api/chat",
    "azure": "/openai/v1/chat/completions",
    "xai": "/v1/chat/completions",
}
TOOL_PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "units": {"enum": ["C", "F"]},
    },
}


@dataclass
class Received:
    """A response as it came: `complete` is whether HTTP says that the body is all there."""

    head: str = ""
    body: bytes = b""
    complete: bool = False
    reset: bool = False
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    """Each read with its time, as it came off the wire, chunk framing and all."""

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.split("\r\n")[1:]
        return {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class NaiveClient:
    """One connection, closed when its block ends. `start` is the clock at its making."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.start = trio.current_time()
        self._buffer = b""

    async def __aenter__(self) -> NaiveClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await trio.aclose_forcefully(self.stream)

    async def leave(self) -> None:
        await self.stream.aclose()

    async def read_until(self, wanted: bytes) -> None:
        """Read, and throw away, until `wanted` has come."""
        seen = b""
        while wanted not in seen:
            data = await self.stream.receive_some()
            assert data, f"the stream ended before {wanted!r} came"
            seen += data

    async def send(
        self, method: str, path: str, value: Any = None, *headers: str, body: bytes | None = None
    ) -> None:
        content = (b"" if value is None else json.dumps(value).encode()) if body is None else body
        lines = [f"{method} {path} HTTP/1.1", "Host: sim", *headers]
        lines.append(f"Content-Length: {len(content)}")
        await self.stream.send_all("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    async def receive(self) -> Received:
        """Read one response to its end, or to the end of the connection."""
        got = Received()
        while not self._take(got):
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                got.reset = True
                break
            if not data:
                break
            got.arrivals.append((trio.current_time() - self.start, bytes(data)))
            self._buffer += data
        return got

    async def receive_for(self, seconds: float) -> Received:
        """Read what comes in the given time of a response that may have no end."""
        got = Received()
        with trio.move_on_after(seconds):
            while True:
                data = await self.stream.receive_some()
                if not data:
                    break
                got.arrivals.append((trio.current_time() - self.start, bytes(data)))
                self._buffer += data
        self._take(got)
        return got

    async def ask(
        self, method: str, path: str, value: Any = None, *headers: str, body: bytes | None = None
    ) -> Received:
        await self.send(method, path, value, *headers, body=body)
        return await self.receive()

    async def send_chat(self, kind: str, **extra: Any) -> None:
        await self.send(
            "POST", CHAT_PATH[kind], chat(kind, **extra), "anthropic-version: 2023-06-01"
        )

    async def chat(self, kind: str, **extra: Any) -> Received:
        await self.send_chat(kind, **extra)
        return await self.receive()

    def _take(self, got: Received) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        got.head = head.decode()
        if "transfer-encoding" in got.headers:
            got.body, got.complete, left = dechunked(rest)
        elif "content-length" in got.headers:
            length = int(got.headers["content-length"])
            got.body, left = rest[:length], rest[length:]
            got.complete = len(got.body) == length
        else:
            got.body, left = rest, b""
        if got.complete:
            self._buffer = left
        return got.complete


def dechunked(raw: bytes) -> tuple[bytes, bool, bytes]:
    """Undo chunked encoding: the body so far, whether it is complete, what comes after it."""
    body = b""
    while True:
        size, found, rest = raw.partition(b"\r\n")
        length = int(size, 16) if found else 0
        if not found or len(rest) < length + 2:
            return body, False, raw
        if length == 0:
            return body, True, rest[2:]
        body += rest[:length]
        raw = rest[length + 2 :]


def chat(kind: str, *, content: str = "hello", tools: bool = False, **extra: Any) -> dict[str, Any]:
    """A chat request in the given dialect; it streams unless told otherwise."""
    body: dict[str, Any] = {
        "model": "omen-demo",
        "messages": [{"role": "user", "content": content}],
        "stream": True,
    }
    if kind == "anthropic":
        body["max_tokens"] = 4096
    if tools and kind == "anthropic":
        body["tools"] = [{"name": "lookup_weather", "input_schema": TOOL_PARAMETERS}]
    elif tools:
        function = {"name": "lookup_weather", "parameters": TOOL_PARAMETERS}
        body["tools"] = [{"type": "function", "function": function}]
    return {**body, **extra}


def sse(body: bytes) -> list[tuple[str, str]]:
    """Split server-sent events by hand into (event name, data); comments come as (":", text)."""
    events = []
    for block in body.decode().split("\n\n"):
        name, data = "", ""
        for line in block.split("\n"):
            if line.startswith(":"):
                name, data = ":", line[1:].strip()
            elif line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = line.removeprefix("data: ")
        if block:
            events.append((name, data))
    return events


def frames(kind: str, body: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a streamed body, in order."""
    if kind == "ollama":
        return [json.loads(line) for line in body.decode().split("\n") if line]
    datas = (data for name, data in sse(body) if name != ":")
    return [json.loads(data) for data in datas if data != "[DONE]"]


def streamed_text(kind: str, body: bytes) -> str:
    """The visible text of a streamed body."""
    text = ""
    for frame in frames(kind, body):
        match kind:
            case "openai" | "azure" | "xai":
                for choice in frame.get("choices", []):
                    text += choice["delta"].get("content") or ""
            case "anthropic":
                text += frame.get("delta", {}).get("text", "")
            case "ollama":
                text += frame.get("message", {}).get("content", "")
    return text


def finish(kind: str, body: bytes) -> str | None:
    """Why the answer says it ended; None when it does not."""
    for frame in frames(kind, body):
        match kind:
            case "openai" | "azure" | "xai":
                reason = next((c.get("finish_reason") for c in frame.get("choices", [])), None)
            case "anthropic":
                reason = frame.get("delta", {}).get("stop_reason")
            case _:
                reason = frame.get("done_reason")
        if reason:
            return str(reason)
    return None


def connect(
    upstream: SimulatedUpstream, nursery: trio.Nursery, stats: StreamStats | None = None
) -> NaiveClient:
    """Connect in memory, so that virtual time is exact."""
    client_side, server_side = memory_stream_pair()
    nursery.start_soon(upstream.serve_connection, server_side, stats)
    return NaiveClient(client_side)


async def dial(running: RunningUpstream) -> NaiveClient:
    """Connect over TCP."""
    host, port = running.base_url.removeprefix("http://").split(":")
    return NaiveClient(await trio.open_tcp_stream(host, int(port)))
