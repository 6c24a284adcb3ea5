"""An HTTP/1.1 client that sends exactly what it is given. It shares no code with the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import h11
import trio

from bench._processes import Address

CHAT = "/v1/chat/completions"
_MOST_SECONDS = 15.0


@dataclass(slots=True)
class Answer:
    """An answer; `status` is 0 if none came in time, or the connection was closed without one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    """From the connect to the last byte."""

    @property
    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


def request(
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
    method: str = "",
) -> bytes:
    """Return the bytes of a request whose connection closes after the answer."""
    fields = {"host": host, "connection": "close", **(headers or {})}
    if body is not None:
        fields = {"content-type": "application/json", "content-length": str(len(body)), **fields}
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chat(
    model: str,
    words: str = "hello",
    *,
    key: str = "",
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> bytes:
    """Return the request for an answer to one message."""
    messages = [{"role": "user", "content": words}]
    body = json.dumps({"model": model, "messages": messages, **more}).encode()
    own = {"authorization": f"Bearer {key}"} if key else {}
    return request(CHAT, body, {**own, **(headers or {})})


async def exchange(address: Address, data: bytes, seconds: float = _MOST_SECONDS) -> Answer:
    """Send bytes on a connection of their own and read one answer.

    **Cancellation.** Closes the connection.
    """
    answer, began = Answer(), trio.current_time()
    with trio.move_on_after(seconds):
        try:
            stream = await trio.open_tcp_stream(address.host, address.port)
        except OSError:
            return answer
        async with stream, trio.open_nursery() as nursery:
            # A server may answer, and close, before it has read everything.
            nursery.start_soon(_send, stream, data)
            await _read(stream, answer)
            nursery.cancel_scope.cancel()
    answer.seconds = trio.current_time() - began
    return answer


async def get(address: Address, path: str, key: str = "") -> Answer:
    """Send a GET and read the answer."""
    return await exchange(
        address, request(path, headers={"authorization": f"Bearer {key}"} if key else None)
    )


async def send_only(address: Address, data: bytes) -> trio.SocketStream:
    """Send bytes on a connection of their own and return it. The caller closes it."""
    stream = await trio.open_tcp_stream(address.host, address.port)
    await stream.send_all(data)
    return stream


async def _send(stream: trio.SocketStream, data: bytes) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.send_all(data)


async def _read(stream: trio.SocketStream, answer: Answer) -> None:
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    parser.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    parser.send(h11.EndOfMessage())
    pieces: list[bytes] = []
    while True:
        try:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(bytes(await stream.receive_some(65536)))
                continue
        except (h11.RemoteProtocolError, trio.BrokenResourceError):
            break
        if isinstance(event, h11.Response):
            answer.status = event.status_code
            answer.headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
            }
        elif isinstance(event, h11.Data):
            pieces.append(bytes(event.data))
            answer.body = b"".join(pieces) if len(pieces) < 2 else answer.body
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            break
    answer.body = b"".join(pieces)
