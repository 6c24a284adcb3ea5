"""What this server takes for requests, two other parsers take for the same requests.

h11 is lenient, and httptools is the parser of Node.js. A difference in where a request ends, or in
what it asks for, would be a way to smuggle requests past a proxy that is built on one of them.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field

import h11
import httptools
import pytest

from omen.serving._h1_framing import Framing
from omen.serving._h1_head import FramingError, Head
from tests.serving.test_framing import REFUSED, WHOLE

SEEDS = range(40)
EACH = 200
PARTS = [
    *b'\r \t\n\0\x0b:;,="5aF-+_\x7f\xff',
    *(b"\r\n", b"\r\n\r\n", b"\r\n ", b"0\r\n\r\n", b"5\r\n", b" HTTP/1.1", b"HTTP/1.0"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"content-length:6\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:\tChunked \r\n", b"Host: x\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"chunked", b", chunked", b"gzip"),
    *(b"Connection: close\r\n", b"GET /b HTTP/1.1\r\nHost: y\r\n\r\n"),
]
STREAMS = [sent for sent, _ in WHOLE.values()] * 4 + [s for s in REFUSED.values() if len(s) < 999]


@dataclass
class Request:
    """A request, as a parser reads it."""

    method: bytes = b""
    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


def ours(sent: bytes) -> list[Request]:
    """Return the complete requests, up to the first fault."""
    framing = Framing(10_000)
    framing.receive(sent)
    requests: list[Request] = []
    try:
        while (head := framing.take_head()) is not None:
            body = b"" if framing.ended else framing.take_body()
            if not framing.ended:
                break
            requests.append(as_request(head, body))
            if head.is_last:
                break
            framing.begin_next()
    except FramingError:
        pass
    return requests


def as_request(head: Head, body: bytes) -> Request:
    return Request(head.method, head.target, list(head.headers), body)


def by_h11(sent: bytes) -> list[Request]:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(sent)
    requests: list[Request] = []
    request = Request()
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return requests
        if isinstance(event, h11.Request):
            request = Request(event.method, event.target, list(event.headers))
        elif isinstance(event, h11.Data):
            request.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            requests.append(request)
            if connection.their_state is not h11.DONE:
                return requests
            length = [("content-length", "0")]
            connection.send(h11.Response(status_code=200, headers=length))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
        else:
            return requests


class Collector:
    """The callbacks of httptools."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._request = Request()
        self._in_trailers = False
        self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self._request, self._in_trailers = Request(), False

    def on_url(self, part: bytes) -> None:
        self._request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_trailers:
            self._request.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self._request.method, self._in_trailers = self.parser.get_method(), True

    def on_body(self, part: bytes) -> None:
        self._request.body += part

    def on_message_complete(self) -> None:
        self.requests.append(self._request)


def by_httptools(sent: bytes) -> list[Request]:
    collector = Collector()
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        collector.parser.feed_data(sent)
    return collector.requests


def mutated(stream: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(stream) + 1)
        part = dice.choice(PARTS)
        insert = bytes([part]) if isinstance(part, int) else part
        stream = stream[:at] + insert + stream[at + dice.choice([0, 0, 1, len(insert)]) :]
    return stream


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_accepted_is_read_by_others_in_the_same_way(seed: int) -> None:
    """Each of the two refuses more: unknown methods, and a space in front of an extension."""
    dice = random.Random(seed)
    accepted = agreed = 0
    for _ in range(EACH):
        sent = mutated(dice.choice(STREAMS), dice) + mutated(dice.choice(STREAMS), dice)
        requests = ours(sent)
        accepted += len(requests)
        for others in (by_h11(sent), by_httptools(sent)):
            for request, other in zip(requests, others, strict=False):
                assert other == request, sent
                agreed += 1
    assert accepted > EACH // 10
    assert agreed > accepted * 1.5
