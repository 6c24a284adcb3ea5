"""Upstreams that misbehave, as tables: at which stage, how, and what the caller is told.

Each is played over real sockets by test_hostile_upstreams.py: once, on its first connection; on
every later one it is a good server. The tables grow; nothing is ever taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from omen.wire._http1 import IncompleteResponse

ANSWER = (
    b"HTTP/1.1 200 OK\r\nX-Stage: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n11\r\n, hostile world!!\r\n0\r\nX-Trailer: there\r\n\r\n"
)
BODY = b"hello, hostile world!!"

GARBAGE = b"\x00\xff\x16\x03garbage\r\n\r\n" * 3

BEHAVIOURS = ("reset", "close", "silence", "garbage", "torn", "drip")
"""RST; FIN; not another byte; bytes that are not HTTP; bytes that are not TLS; byte by byte."""

Told = type[httpx.RequestError] | None


@dataclass(frozen=True)
class Case:
    """What the upstream says before it misbehaves, how it does, and what the caller is told.

    `told` is the class of the error, exactly; `NetworkError` stands for those that a socket may
    choose from (whether a reset is met while reading or while writing is a matter of luck). None
    means the whole answer. `reads` is how much of the request is read before: nothing, its first
    bytes, or all of it.
    """

    stage: str
    behaviour: str
    told: Told
    says: bytes = b""
    reads: str = "all"

    def __str__(self) -> str:
        return f"{self.behaviour} {self.stage}"


def _cut(after: bytes) -> bytes:
    """Give the answer up to and with this."""
    return ANSWER[: ANSWER.index(after) + len(after)]


_STAGES = {
    # stage: what was said by then
    "instead of the status line": b"",
    "in the status line": _cut(b"HTTP/1.1 2"),
    "in a header": _cut(b"X-St"),
    "after the head": _cut(b"\r\n\r\n"),
    "in a chunk": _cut(b"hel"),
    "between chunks": _cut(b"hello\r\n"),
    "in a chunk size": _cut(b"hello\r\n1"),
    "before the end of chunks": _cut(b"world!!\r\n"),
    "in trailers": _cut(b"X-Tr"),
    "after the end": ANSWER,
}

_TOLD: dict[str, Told] = {
    "reset": httpx.ReadError,
    "close": IncompleteResponse,
    "silence": httpx.ReadTimeout,
    "garbage": httpx.RemoteProtocolError,
    "torn": httpx.ReadError,
    "drip": None,
}


def _at_every_stage(*behaviours: str) -> list[Case]:
    return [
        Case(stage, how, None if says == ANSWER else _TOLD[how], says)
        for stage, says in _STAGES.items()
        for how in behaviours
    ]


PLAIN = [
    Case("on accept", "reset", httpx.NetworkError, reads="nothing"),
    Case("on accept", "close", IncompleteResponse, reads="nothing"),
    Case("on accept", "silence", httpx.ReadTimeout, reads="nothing"),
    Case("on accept", "garbage", httpx.RemoteProtocolError, reads="nothing"),
    Case("on accept", "drip", None, reads="nothing"),
    Case("while the request is sent", "reset", httpx.NetworkError, reads="a bit"),
    Case("while the request is sent", "close", IncompleteResponse, reads="a bit"),
    Case("while the request is sent", "silence", httpx.WriteTimeout, reads="a bit"),
    Case("while the request is sent", "garbage", httpx.RemoteProtocolError, reads="a bit"),
    Case("while the request is sent", "drip", None, reads="a bit"),
    *_at_every_stage("reset", "close", "silence", "garbage", "drip"),
]

TLS = [
    Case("in the handshake", "reset", httpx.ConnectError, reads="nothing"),
    Case("in the handshake", "close", httpx.ConnectError, reads="nothing"),
    Case("in the handshake", "silence", httpx.ConnectTimeout, reads="nothing"),
    Case("in the handshake", "torn", httpx.ConnectError, reads="nothing"),
    Case("in the handshake", "drip", None, reads="nothing"),
    Case("while the request is sent", "reset", httpx.NetworkError, reads="a bit"),
    Case("while the request is sent", "silence", httpx.WriteTimeout, reads="a bit"),
    *_at_every_stage("reset", "close", "silence", "garbage", "torn", "drip"),
]

_TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"

PROXY = [
    # Here the request is a CONNECT, the answer is to it, and all is part of connecting.
    *(
        Case(stage, how, told, says)
        for stage, says in {
            "instead of the status line": b"",
            "in the status line": b"HTTP/1.1 2",
            "in a header": b"HTTP/1.1 200 Connection established\r\nVia",
        }.items()
        for how, told in {
            "reset": httpx.ProxyError,
            "close": httpx.ProxyError,
            "silence": httpx.ConnectTimeout,
            "garbage": httpx.ProxyError,
        }.items()
    ),
    *(
        Case("in the tunnel", how, told, _TUNNEL)
        for how, told in {
            "reset": httpx.ConnectError,
            "close": httpx.ConnectError,
            "silence": httpx.ConnectTimeout,
            "garbage": httpx.ConnectError,
        }.items()
    ),
    Case("in the same breath", "silence", httpx.ProxyError, _TUNNEL + GARBAGE),
]


@dataclass(frozen=True)
class Endless:
    """An upstream that says something, and then something else for as long as it is heard."""

    name: str
    again: bytes
    says: bytes = b""

    def __str__(self) -> str:
        return self.name


_CHUNKED = _cut(b"\r\n\r\n")
_MUCH = b"x" * 4096

ENDLESS = [
    Endless("blank lines", b"\r\n" * 2048),
    Endless("a status line", _MUCH, b"HTTP/1.1 200 "),
    Endless("a header name", _MUCH, b"HTTP/1.1 200 OK\r\n"),
    Endless("a header value", _MUCH, b"HTTP/1.1 200 OK\r\nX: "),
    Endless("headers", b"X: y\r\n" * 500, b"HTTP/1.1 200 OK\r\n"),
    Endless("interim answers", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    Endless("digits of a length", b"0" * 4096, b"HTTP/1.1 200 OK\r\nContent-Length: "),
    Endless("digits of a chunk size", b"0" * 4096, _CHUNKED),
    Endless("a chunk extension", _MUCH, _CHUNKED + b"1;"),
    Endless("trailers", b"X: y\r\n" * 500, _CHUNKED + b"0\r\n"),
    Endless("a trailer", _MUCH, _CHUNKED + b"0\r\nX: "),
    Endless("chunks that are all extension", b"1;%s\r\nx\r\n" % (b"x" * 60_000), _CHUNKED),
]
