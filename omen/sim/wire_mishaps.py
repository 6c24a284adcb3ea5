"""What the faults in the bytes look like on the wire."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from omen.sim.http import JSON_TYPE, HttpReply
from omen.sim.performance import Performance
from omen.sim.steps import Abort, Hang, Head, Interim, Raw, Send, Step, reply
from omen.sim.wire_faults import (
    Compressed,
    Endless,
    Garbage,
    GiantLine,
    Redirect,
    WireFault,
    WrongType,
)
from omen.sim.wire_faults import Interim as InterimFault

_GARBAGE = b"\x00\xff\x16\x03garbage\r\n\r\n"
_OTHER_JSON = b'[1,"two",null]'
_FEW = 3
_FLOOD_SECONDS = 1.0
_PIECE = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


def spoiled(performance: Performance, fault: WireFault) -> Iterator[Step]:
    """Give the answer with this fault in it."""
    match fault:
        case Garbage():
            return _garbage(performance, fault)
        case WrongType():
            return _wrong_type(performance)
        case GiantLine(megabytes=megabytes):
            return _giant_line(performance, megabytes)
        case Endless(interval=interval):
            return _endless(performance, interval)
        case InterimFault(flood=flood):
            return _interim(performance, flood=flood)
        case Redirect(status=status):
            headers = (("location", "http://elsewhere.invalid/v1"), ("content-type", JSON_TYPE))
            return reply(HttpReply(status, b"", headers), after=performance.fate.first_token)
        case Compressed():
            return _compressed(good(performance))


def good(performance: Performance) -> Iterator[Step]:
    """Give the answer as it should be."""
    return performance.streamed() if performance.call.stream else performance.whole()


def _is_lines(performance: Performance) -> bool:
    """Whether the frames of this stream are lines of JSON, and not server-sent events."""
    types = [value for name, value in performance.answer.headers() if name == "content-type"]
    return not any("event-stream" in value for value in types)


def _frame(performance: Performance, data: bytes) -> bytes:
    return data + b"\n" if _is_lines(performance) else b"data: " + data + b"\n\n"


def _garbage(performance: Performance, fault: Garbage) -> Iterator[Step]:
    if fault.before_head or not performance.call.stream:
        yield Raw(_GARBAGE, performance.fate.first_token)
        yield Abort(reset=False)
        return
    yield from performance.begun(1)
    yield Send(_frame(performance, b'{"nonsense\xff\xfe'), performance.wait_before(1))


def _wrong_type(performance: Performance) -> Iterator[Step]:
    if not performance.call.stream:
        yield from reply(HttpReply(200, _OTHER_JSON), after=performance.fate.first_token)
        return
    yield performance.head()
    yield Send(_frame(performance, _OTHER_JSON), performance.wait_before(0))


def _giant_line(performance: Performance, megabytes: int) -> Iterator[Step]:
    yield performance.head()
    yield Send(b"" if _is_lines(performance) else b"data: ", performance.wait_before(0))
    for _ in range(megabytes):
        yield Send(b"x" * _PIECE)
    yield Hang()


def _endless(performance: Performance, interval: float) -> Iterator[Step]:
    if not performance.call.stream:
        yield performance.head_now(performance.fate.first_token)
        while True:
            yield Send(b" ", interval)
    yield from performance.begun()
    for number in count():
        word = performance.words[number % len(performance.words)] if performance.words else "on "
        yield Send(performance.answer.token(word), interval, 1)


def _interim(performance: Performance, *, flood: bool) -> Iterator[Step]:
    for number in count() if flood else range(_FEW):
        yield Interim(103, _FLOOD_SECONDS if flood and number else 0.0)
    yield from good(performance)


def _compressed(steps: Iterator[Step]) -> Iterator[Step]:
    gzip = zlib.compressobj(wbits=_GZIP)
    for step in steps:
        match step:
            case Head(headers=headers):
                kept = tuple(field for field in headers if field[0].lower() != "content-length")
                yield replace(step, headers=(*kept, ("content-encoding", "gzip")))
            case Send(data=data):
                yield replace(step, data=gzip.compress(data) + gzip.flush(zlib.Z_SYNC_FLUSH))
            case _:
                yield step
    yield Send(gzip.flush())
