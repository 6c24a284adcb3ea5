"""A provider with hiccups: each request of a case fails in its way, until the case is over.

It speaks chat completions and Messages over raw sockets, because a hiccup may be a connection that
breaks at any byte. It shares no code with what it tests.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import trio

Fault = Literal[
    "500", "502", "503", "529", "429, retry-after 1", "429", "reset before the head",
    "reset after the head", "first token after 2 s", "cut in mid-answer",
]  # fmt: skip
FAULTS: Sequence[Fault] = (
    "500", "502", "503", "529", "429, retry-after 1", "429", "reset before the head",
    "reset after the head", "first token after 2 s", "cut in mid-answer",
)  # fmt: skip
ANSWER = "the whole answer of twenty visible characters and more"
_CASE = re.compile(rb"case (\d+) (\w+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """One hiccup: what a client asks for, and how its first `times` attempts fail."""

    number: int
    fault: Fault
    times: int
    sdk: Literal["openai", "anthropic"]
    stream: bool


def make_cases(count: int, seed: int) -> list[Case]:
    """Return cases with each fault equally often; three in four pass after one attempt."""
    draw = random.Random(seed)
    return [
        Case(
            number,
            FAULTS[number % len(FAULTS)],
            draw.choice((1, 1, 1, 2)),
            draw.choice(("openai", "anthropic")),
            draw.random() < 0.5,
        )
        for number in range(count)
    ]


@dataclass(slots=True)
class Provider:
    """The provider. `attempts` counts the requests of each (case, way)."""

    cases: Sequence[Case]
    attempts: Counter[tuple[int, str]] = field(default_factory=Counter)

    async def serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve on a free port, which is what `start` returns."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        serve = partial(trio.serve_listeners, self._connection, listeners)
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            task_status.started(port)

    async def _connection(self, stream: trio.SocketStream) -> None:
        """Answer one request and close; a client opens another connection for the next one."""
        try:
            head, body = await _read(stream)
            await self._answer(stream, head, body)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _answer(self, stream: trio.SocketStream, head: bytes, body: bytes) -> None:
        match = _CASE.search(body)
        if match is None:
            await stream.send_all(_whole(404, b"{}"))
            return
        case, way = self.cases[int(match[1])], match[2].decode()
        self.attempts[case.number, way] += 1
        is_fault = self.attempts[case.number, way] <= case.times
        pieces = _pieces(b"/messages" in head.partition(b"\r\n")[0], json.loads(body).get("stream"))
        if not is_fault:
            await stream.send_all(b"".join(pieces))
        else:
            await _fail(stream, case.fault, pieces)


async def _fail(stream: trio.SocketStream, fault: Fault, pieces: Sequence[bytes]) -> None:
    if fault[0] in "45":
        pause = b"retry-after: 1\r\n" if "retry-after" in fault else b""
        error = {"type": "error", "error": {"type": "api_error", "message": "a hiccup"}}
        await stream.send_all(_whole(int(fault[:3]), json.dumps(error).encode(), pause))
    elif fault == "first token after 2 s":
        await stream.send_all(pieces[0])
        await trio.sleep(2)
        await stream.send_all(b"".join(pieces[1:]))
    else:
        sent = {"reset before the head": 0, "reset after the head": 1}.get(fault, 2)
        await stream.send_all(b"".join(pieces[:sent]))
        await trio.sleep(0.02)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()


async def _read(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await _more(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    while length is not None and len(body) < int(length[1]):
        body += await _more(stream)
    return head, body


async def _more(stream: trio.SocketStream) -> bytes:
    piece = await stream.receive_some(65536)
    if not piece:
        raise trio.BrokenResourceError("the client has left")
    return bytes(piece)


def _whole(status: int, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n" % status
    return head + more + b"content-length: %d\r\n\r\n" % len(body) + body


def _pieces(is_messages: bool, stream: bool) -> Sequence[bytes]:
    """Return the head of an answer, its first half, and its rest."""
    if not stream:
        body = json.dumps(_message() if is_messages else _completion()).encode()
        whole = _whole(200, body)
        head = whole.index(b"\r\n\r\n") + 4
        return whole[:head], whole[head : head + 40], whole[head + 40 :]
    head_ = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return (head_, *(_message_events() if is_messages else _chunks()))


def _completion() -> dict[str, object]:
    message = {"role": "assistant", "content": ANSWER}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m"} | {
        "choices": [choice],
        "usage": usage,
    }


def _message() -> dict[str, object]:
    usage = {"input_tokens": 3, "output_tokens": 9}
    content = [{"type": "text", "text": ANSWER}]
    return {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content} | {
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def _chunks() -> tuple[bytes, bytes]:
    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return b"data: " + json.dumps(frame | {"choices": [choice]}).encode() + b"\n\n"

    half = len(ANSWER) // 2
    rest = chunk({"content": ANSWER[half:]}) + chunk({}, "stop") + b"data: [DONE]\n\n"
    return chunk({"role": "assistant", "content": ANSWER[:half]}), rest


def _message_events() -> tuple[bytes, bytes]:
    def event(kind: str, **fields: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    def text(words: str) -> bytes:
        return event("content_block_delta", index=0, delta={"type": "text_delta", "text": words})

    half, begun = len(ANSWER) // 2, {**_message(), "content": [], "stop_reason": None}
    start = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    return (
        event("message_start", message=begun) + start + text(ANSWER[:half]),
        text(ANSWER[half:]) + event("content_block_stop", index=0) + end + event("message_stop"),
    )
