"""An upstream that is steady or hostile, by the model that is asked for. It prints its address.

`steady` sends a token every 50 ms and never ends. Every other model is an attack: an answer that is
within the limits of bytes and costs its reader as much as it can.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import trio

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\n\r\n"
_MODEL = re.compile(rb'"model":\s*"([\w-]+)"')
_PIECE = 64 * 1024
_FLOOD_SECONDS = 3.0


def _chunk(delta: object, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}).encode() + b"\n\n"


_END = _chunk({}, "stop") + b"data: [DONE]\n\n"


def _call(index: int, arguments: str = "{}") -> dict[str, object]:
    function = {"name": "f", "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def _calls() -> Iterator[bytes]:
    yield from (_chunk({"tool_calls": [_call(index)]}) for index in range(100_000))
    yield _END


def _calls_in_one_frame() -> Iterator[bytes]:
    yield _chunk({"tool_calls": [_call(index, "") for index in range(60_000)]})
    yield _END


def _fragments() -> Iterator[bytes]:
    yield _chunk({"tool_calls": [_call(0, '{"a": "')]})
    fragment = _chunk({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 10}}]})
    yield from (fragment for _ in range(300_000))
    yield _END


def _tokens() -> Iterator[bytes]:
    token = _chunk({"content": "word "})
    yield from (token for _ in range(300_000))
    yield _END


def _text() -> Iterator[bytes]:
    piece = _chunk({"content": "\u4e16" * 5_000})
    yield from (piece for _ in range(1_300))
    yield _END


def _object() -> Iterator[bytes]:
    message = {"role": "assistant", "content": '"\\\n' * 5_000_000}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    yield json.dumps({"model": "m", "choices": [choice]}).encode()


def _flood(frame: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        began = trio.current_time()
        some = frame * (_PIECE // len(frame))
        while trio.current_time() < began + _FLOOD_SECONDS:
            yield some

    return pieces


ANSWERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "calls": _calls,
    "calls-in-one-frame": _calls_in_one_frame,
    "fragments": _fragments,
    "tokens": _tokens,
    "text": _text,
    "object": _object,
    "comments": _flood(b":\n\n"),
    "blank-lines": _flood(b"\n\n"),
    "empty-choices": _flood(b'data: {"choices":[]}\n\n'),
    "blanks": _flood(_chunk({"content": " "})),
}


async def _steady() -> AsyncIterator[bytes]:
    while True:
        yield _chunk({"content": "steady words "})
        await trio.sleep(0.05)


async def _serve(stream: trio.SocketStream) -> None:
    async with stream:
        try:
            model = await _asked_model(stream)
            if model == "steady":
                await stream.send_all(_HEAD % b"text/event-stream")
                async for piece in _steady():
                    await stream.send_all(piece)
                return
            json_body = model in ("object", "embed")
            content_type = b"application/json" if json_body else b"text/event-stream"
            await stream.send_all(_HEAD % content_type)
            await _send(stream, ANSWERS.get(model, lambda: iter([_END]))())
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


async def _send(stream: trio.SocketStream, pieces: Iterator[bytes]) -> None:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _PIECE:
            await stream.send_all(bytes(waiting))
            waiting.clear()
    await stream.send_all(bytes(waiting))


async def _asked_model(stream: trio.SocketStream) -> str:
    """Read a request and return the model it names. The body may be large; it is not kept."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    left = int(length[1]) - len(body) if length else 0
    model = _MODEL.search(body)
    while left > 0:
        piece = await stream.receive_some()
        if not piece:
            break
        left -= len(piece)
        model = model or _MODEL.search(piece)
    return model[1].decode() if model else ""


async def _main() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host, port = listeners[0].socket.getsockname()
    print(f"omen: serving on http://{host}:{port}", flush=True)
    await trio.serve_listeners(_serve, listeners)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        trio.run(_main)
