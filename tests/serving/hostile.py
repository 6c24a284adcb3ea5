"""Connections that no honest client makes, as raw bytes.

Each is sent to a running server, and after each the server must still answer (test_hostile.py).
The table grows; nothing is ever taken out. `SECRET` stands for what a client would not want to
find in a log, and is in the bytes wherever there is room for it.

The application is `apps.Bare`: `/ok` answers, `/early` answers without reading, `/held` and
`/deaf` do not answer, `/echo` reads the body, `/ws` is a websocket.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

SECRET = b"hunter2-the-prompt"


@dataclass(frozen=True)
class Step:
    """Send these bytes, then read until `wait_for` has come."""

    send: bytes
    wait_for: bytes = b""


@dataclass(frozen=True)
class Case:
    """One hostile connection; `answer` must be in what the server says to it."""

    name: str
    steps: tuple[Step, ...]
    answer: bytes = b""


def case(name: str, *steps: bytes | Step, answer: bytes = b"") -> Case:
    made = tuple(step if isinstance(step, Step) else Step(step) for step in steps)
    return Case(name, made, answer)


def head(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([line, b"host: x", b"x-note: " + SECRET, *headers, b"", b""])


GET_OK = head(b"GET /ok HTTP/1.1")
GET_HELD = head(b"GET /held HTTP/1.1")
CHUNKED = b"transfer-encoding: chunked"
H2C = (b"connection: upgrade, http2-settings", b"upgrade: h2c")

HTTP_1 = [
    case("nothing at all", b""),
    case("a line of garbage", SECRET + b"\r\n\r\n", answer=b"HTTP/1.1 400"),
    case("zero bytes", bytes(1000), answer=b"HTTP/1.1 400"),
    case("a TLS hello on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET),
    case("half a head", b"GET /ok HTTP/1.1\r\nhost: x\r\nx-no"),
    case("a head of 140 KiB", head(b"GET /ok HTTP/1.1", b"x: " + b"y" * 140_000), answer=b" 431"),
    case("a line of 70 KiB without an end", b"GET /" + b"y" * 70_000, answer=b" 431"),
    case("ten thousand headers", head(b"GET /ok HTTP/1.1", *[b"x: y"] * 10_000)),
    case("a negative length", head(b"POST /echo HTTP/1.1", b"content-length: -1"), answer=b" 400"),
    case(
        "two lengths",
        head(b"POST /echo HTTP/1.1", b"content-length: 1", b"content-length: 2") + SECRET,
        answer=b" 400",
    ),
    case(
        "a length and chunks",
        head(b"POST /echo HTTP/1.1", CHUNKED, b"content-length: 3") + b"0",
        answer=b" 400",
    ),
    case("two encodings", head(b"POST /echo HTTP/1.1", b"transfer-encoding: gzip, chunked")),
    case(
        "a chunk size that is no number",
        head(b"POST /echo HTTP/1.1", CHUNKED) + b"zz\r\n" + SECRET,
        answer=b" 400",
    ),
    case("a chunk of 2**80", head(b"POST /echo HTTP/1.1", CHUNKED) + b"f" * 20 + b"\r\n" + SECRET),
    case("a chunk longer than it says", head(b"POST /echo HTTP/1.1", CHUNKED) + b"1\r\nabcdef\r\n"),
    case("a chunk line without an end", head(b"POST /echo HTTP/1.1", CHUNKED) + b"1;" * 40_000),
    case("trailers of 70 KiB", head(b"POST /echo HTTP/1.1", CHUNKED) + b"0\r\nx: " + b"y" * 70_000),
    case("bare line feeds", b"GET /ok HTTP/1.1\nhost: x\n\n", answer=b"HTTP/1.1 400"),
    case("a folded header", b"GET /ok HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n", answer=b" 400"),
    case("a space before the colon", b"GET /ok HTTP/1.1\r\nhost : x\r\n\r\n", answer=b" 400"),
    case("a header in UTF-16", head(b"GET /ok HTTP/1.1", "x: é".encode("utf-16")), answer=b" 400"),
    case("no host", b"GET /ok HTTP/1.1\r\n\r\n", answer=b" 400"),
    case("two hosts", head(b"GET /ok HTTP/1.1", b"host: y"), answer=b" 400"),
    case("CONNECT", head(b"CONNECT example.com:443 HTTP/1.1"), answer=b"HTTP/1.1 501"),
    case(
        "CONNECT and bytes behind it", head(b"CONNECT a:1 HTTP/1.1") + SECRET * 99, answer=b" 501"
    ),
    case("a target that is no path", head(b"GET ok HTTP/1.1"), answer=b"HTTP/1.1 400"),
    case("a star for a target", head(b"GET * HTTP/1.1"), answer=b"HTTP/1.1 400"),
    case("an absolute target without a path", head(b"GET http://x HTTP/1.1"), answer=b" 200"),
    case("an absolute target without a host", head(b"GET http:///ok HTTP/1.1"), answer=b" 400"),
    case("empty lines without end", b"\r\n" * 30_000, answer=b" 400"),
    case("half an empty line", b"\r"),
    case("a path that is not UTF-8", head(b"GET /%ff%fe%00 HTTP/1.1"), answer=b" 200"),
    case("a path with raw high bytes", head(b"GET /\xff HTTP/1.1"), answer=b" 400"),
    case("HTTP/0.9", b"GET /ok\r\n\r\n", answer=b" 400"),
    case("HTTP/2.0 by name only", head(b"GET /ok HTTP/2.0"), answer=b" 505"),
    case("HTTP/9.9", head(b"GET /ok HTTP/9.9"), answer=b" 505"),
    case(
        "HTTP/2's greeting behind a request",
        GET_OK + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        answer=b"HTTP/1.1 400",
    ),
    case("a method in small letters", head(b"head /ok HTTP/1.1"), answer=b" 501"),
    case("a method of 60 KiB", head(b"M" * 60_000 + b" /ok HTTP/1.1")),
    case("a body cut short", head(b"POST /echo HTTP/1.1", b"content-length: 99") + SECRET),
    case("a body nobody reads", head(b"POST /early HTTP/1.1", b"content-length: 999999") + SECRET),
    case(
        "expecting to continue and then not", head(b"POST /echo HTTP/1.1", b"expect: 100-continue")
    ),
    case("a request ahead of its turn", GET_HELD + GET_OK),
    case("a flood ahead of its turn", GET_HELD + GET_OK * 5000),
    case("garbage ahead of its turn", GET_HELD + SECRET * 10_000),
    case("garbage right behind a request", GET_OK + SECRET + b"\r\n\r\n", answer=b" 200"),
    case(
        "a stray line end after the last request",
        head(b"POST /echo HTTP/1.1", b"content-length: 1", b"connection: close") + b"x\r\n",
    ),
    case(
        "an upgrade to something unknown", head(b"GET /ok HTTP/1.1", b"upgrade: x") + SECRET * 999
    ),
    case(
        "an upgrade ignored because of its body, and a flood behind it",
        head(b"POST /held HTTP/1.1", b"content-length: 0", *H2C) + SECRET * 10_000,
    ),
    case(
        "an HTTP/2 upgrade with settings that are not base64",
        head(b"GET /ok HTTP/1.1", *H2C, b"http2-settings: " + SECRET + b"!"),
    ),
    case("an HTTP/2 upgrade without settings", head(b"GET /ok HTTP/1.1", *H2C)),
    case(
        "an HTTP/2 upgrade, then not HTTP/2",
        head(b"GET /ok HTTP/1.1", *H2C, b"http2-settings: AAMAAABk") + SECRET * 10,
    ),
    case("HTTP/0.9 and then silence", b"GET /ok\r\n"),
    case("HTTP/1.0 that wants to stay", head(b"GET /ok HTTP/1.0", b"connection: keep-alive") * 2),
    case("an expectation nobody knows", head(b"GET /ok HTTP/1.1", b"expect: " + SECRET)),
    case("a NUL in the target", b"GET /\0ok HTTP/1.1\r\nhost: x\r\n\r\n", answer=b" 400"),
    case(
        "a control character in a field", head(b"GET /ok HTTP/1.1", b"x: \x1b[0m"), answer=b" 400"
    ),
    case(
        "a thousand empty chunks' worth of zeros",
        head(b"POST /echo HTTP/1.1", CHUNKED) + b"0" * 999,
    ),
    case(
        "chunks of one byte with long extensions",
        head(b"POST /echo HTTP/1.1", CHUNKED) + (b"1;" + b"x" * 4000 + b"\r\na\r\n") * 20,
        answer=b" 400",
    ),
    case(
        "sixty thousand bytes in chunks of one",
        head(b"POST /echo HTTP/1.1", CHUNKED) + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n",
        answer=b"a" * 10_000,
    ),
    case(
        "trailers that say where the body ends",
        head(b"POST /echo HTTP/1.1", CHUNKED) + b"0\r\ncontent-length: 3\r\n\r\n" + SECRET,
        answer=b" 400",
    ),
    case(
        "a thousand requests that say close", head(b"GET /ok HTTP/1.1", b"connection: close") * 1000
    ),
    case(
        "a refused request with a body that goes on",
        head(b"CONNECT x:1 HTTP/1.1", b"content-length: 99999999") + SECRET * 5000,
        answer=b" 501",
    ),
    case("HEAD", head(b"HEAD /ok HTTP/1.1"), answer=b" 200"),
    case("a handler that raises", head(b"GET /fail HTTP/1.1"), answer=b"HTTP/1.1 500"),
    case("a handler that raises half way", head(b"GET /fail-late HTTP/1.1"), answer=b"half"),
]


# Websockets -----------------------------------------------------------------------------------

HANDSHAKE = (
    b"connection: upgrade",
    b"upgrade: websocket",
    b"sec-websocket-version: 13",
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)
UPGRADE = head(b"GET /ws HTTP/1.1", *HANDSHAKE)
OPEN = Step(UPGRADE, b"101 ")


def ws_frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    first = (0x80 if fin else 0) | opcode
    if len(payload) < 126:
        length = struct.pack("!BB", first, (0x80 if masked else 0) | len(payload))
    else:
        length = struct.pack("!BBH", first, (0x80 if masked else 0) | 126, len(payload))
    return length + (bytes(4) if masked else b"") + payload


WEBSOCKET = [
    case("bytes right behind an upgrade", UPGRADE + ws_frame(1, SECRET), answer=b"HTTP/1.1 400"),
    case("garbage right behind an upgrade", UPGRADE + SECRET * 5000, answer=b"HTTP/1.1 400"),
    case("an upgrade without a key", head(b"GET /ws HTTP/1.1", *HANDSHAKE[:3]), answer=b" 400"),
    case("an upgrade without a version", head(b"GET /ws HTTP/1.1", *HANDSHAKE[:2]), answer=b" 400"),
    case(
        "an old version",
        head(b"GET /ws HTTP/1.1", *HANDSHAKE[:2], b"sec-websocket-version: 8", HANDSHAKE[3]),
        answer=b" 426",
    ),
    case("an upgrade over HTTP/1.0", head(b"GET /ws HTTP/1.0", *HANDSHAKE)),
    case("an upgrade by POST", head(b"POST /ws HTTP/1.1", b"content-length: 0", *HANDSHAKE)),
    case(
        "extensions that make no sense",
        Step(head(b"GET /ws HTTP/1.1", *HANDSHAKE, b"sec-websocket-extensions: ;;=,"), b"101 "),
        ws_frame(1, SECRET),
    ),
    case("an upgrade, then silence", OPEN),
    case("an unmasked frame", OPEN, ws_frame(1, SECRET, masked=False)),
    case("a reserved opcode", OPEN, ws_frame(3, SECRET)),
    case("reserved bits", OPEN, b"\xf1" + ws_frame(1, SECRET)[1:]),
    case("a ping of 200 bytes", OPEN, ws_frame(9, SECRET * 20)),
    case("a ping in parts", OPEN, ws_frame(9, SECRET, fin=False)),
    case("text that is not UTF-8", OPEN, ws_frame(1, b"\xff\xfe" + SECRET)),
    case("a continuation of nothing", OPEN, ws_frame(0, SECRET)),
    case("a new message inside another", OPEN, ws_frame(1, SECRET, fin=False) + ws_frame(1, b"x")),
    case("a close frame of one byte", OPEN, ws_frame(8, b"x")),
    case("a close frame with a code nobody may send", OPEN, ws_frame(8, b"\x03\xed")),
    case("frames after the close", OPEN, ws_frame(8, b"\x03\xe8") + ws_frame(1, SECRET) * 9),
    case("a frame of 2**63 bytes", OPEN, b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4) + SECRET),
    case("an HTTP request inside a websocket", OPEN, GET_OK),
]


# HTTP/2 ---------------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
START = PREFACE + SettingsFrame(0).serialize()
READY = Step(START, b"\x00\x00\x00\x04\x01")  # until our settings are acknowledged


def fields(**pseudo: bytes | None) -> list[tuple[bytes, bytes]]:
    """The pseudo headers of a plain request, with these put in their place."""
    usual: dict[str, bytes | None] = {
        "method": b"GET",
        "scheme": b"http",
        "authority": b"x",
        "path": b"/ok",
        **pseudo,
    }
    return [(b":" + name.encode(), value) for name, value in usual.items() if value is not None]


def request(
    stream_id: int, *extra: tuple[bytes, bytes], end: bool = True, **pseudo: bytes | None
) -> bytes:
    block = hpack.Encoder().encode([*fields(**pseudo), *extra])
    frame = HeadersFrame(stream_id, data=block, flags=["END_HEADERS"])
    if end:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def data(stream_id: int, body: bytes = SECRET, *flags: str) -> bytes:
    return DataFrame(stream_id, data=body, flags=list(flags)).serialize()


def raw(length: int, kind: int, flags: int, stream_id: int, body: bytes) -> bytes:
    """A frame with a header that hyperframe would not write."""
    return (
        struct.pack("!I", length)[1:] + bytes([kind, flags]) + struct.pack("!I", stream_id) + body
    )


def reset(stream_id: int) -> bytes:
    return RstStreamFrame(stream_id, error_code=8).serialize()


def frames(*made: Frame) -> bytes:
    return b"".join(frame.serialize() for frame in made)


ANSWERED = Step(START + request(1, end=False, method=b"POST", path=b"/early"), b"early")
DONE = Step(START + request(1), b"ok")
TEXT = (b"x-note", SECRET)

HTTP_2 = [
    case("data after the answer", ANSWERED, data(1) * 20),
    case("the end of a request after the answer", ANSWERED, data(1, b"", "END_STREAM")),
    case("data and the end after the answer", ANSWERED, data(1) + data(1, SECRET, "END_STREAM")),
    case("trailers after the answer", ANSWERED, request(1, TEXT)),
    case("data on a finished stream", DONE, data(1) * 5),
    case("a second head on a finished stream", DONE, request(1, TEXT)),
    case("a path that is not ASCII", START + request(1, path="/é".encode()) + request(3)),
    case("a method that is not ASCII", START + request(1, method="GÉT".encode()) + request(3)),
    case("a path without a slash", START + request(1, path=b"ok")),
    case("an empty path", START + request(1, path=b"")),
    case("no path", START + request(1, path=None)),
    case("no method", START + request(1, method=None)),
    case("CONNECT", START + request(1, method=b"CONNECT", path=None, scheme=None), answer=b""),
    case("CONNECT to something unknown", START + request(1, (b":protocol", SECRET))),
    case(
        "a websocket without its version",
        START + request(1, method=b"CONNECT", path=b"/ws", protocol=b"websocket", end=False),
    ),
    case(
        "data before a websocket is accepted",
        START
        + request(1, method=b"CONNECT", path=b"/ws", protocol=b"websocket", end=False)
        + data(1, ws_frame(1, SECRET)),
    ),
    case(
        "1100 priorities",
        START + b"".join(PriorityFrame(2 * n + 1).serialize() for n in range(1100)),
    ),
    case("a stream that depends on itself", START + PriorityFrame(5, depends_on=5).serialize()),
    case("a priority for the connection", START + raw(5, 2, 0, 0, bytes(5))),
    case("a header in upper case", START + request(1, (b"X-Note", SECRET))),
    case("a header of the connection", START + request(1, (b"connection", SECRET))),
    case("a header with a line end", START + request(1, (b"x-note", SECRET + b"\r\nx: y"))),
    case("a pseudo header twice", START + request(1, (b":path", b"/x"))),
    case("a pseudo header at the end", START + request(1, TEXT, (b":path", b"/x"))),
    case("a head of 70 KiB", START + request(1, *[(b"x", b"y" * 1000)] * 14) * 5),
    case(
        "a length that is not the body's",
        START + request(1, (b"content-length", b"3"), end=False) + data(1, SECRET, "END_STREAM"),
    ),
    case("a reset of a stream nobody opened", START + reset(1)),
    case(
        "a head and its reset, 200 times",
        START + b"".join(request(n, path=b"/held") + reset(n) for n in range(1, 401, 2)),
    ),
    case("a window of nothing more", START + raw(4, 8, 0, 0, bytes(4))),
    case(
        "a window beyond the limit",
        START + WindowUpdateFrame(0, window_increment=2**31 - 1).serialize(),
    ),
    case(
        "a stream's window beyond the limit",
        START
        + request(1, path=b"/held")
        + WindowUpdateFrame(1, window_increment=2**31 - 1).serialize(),
    ),
    case(
        "an initial window of nothing",
        PREFACE + SettingsFrame(0, settings={4: 0}).serialize() + request(1),
    ),
    case(
        "an initial window too large", PREFACE + SettingsFrame(0, settings={4: 2**31}).serialize()
    ),
    case("a maximum frame too small", PREFACE + SettingsFrame(0, settings={5: 1}).serialize()),
    case("settings that never end", START + SettingsFrame(0, settings={3: 7}).serialize() * 2000),
    case("settings of five bytes", START + raw(5, 4, 0, 0, bytes(5))),
    case("2000 pings", START + PingFrame(0, opaque_data=b"12345678").serialize() * 2000),
    case("a ping on a stream", START + raw(8, 6, 0, 1, SECRET[:8])),
    case("a frame of 16 MiB", START + raw(2**24 - 1, 0, 0, 1, SECRET)),
    case("a frame of an unknown kind", START + raw(len(SECRET), 99, 0, 1, SECRET) + request(1)),
    case("a preface that goes wrong", PREFACE[:-4] + SECRET),
    case("a preface and then HTTP/1.1", PREFACE + GET_OK),
    case("half a preface", PREFACE[:10]),
    case("a stream with an even number", START + request(2)),
    case("streams that count down", START + request(9) + request(3)),
    case("a continuation of nothing", START + ContinuationFrame(1, data=SECRET).serialize()),
    case(
        "a head that is interrupted",
        START
        + HeadersFrame(1, data=b"\x82").serialize()
        + PingFrame(0, opaque_data=bytes(8)).serialize(),
    ),
    case(
        "a head that never ends",
        START
        + HeadersFrame(1, data=b"\x82").serialize()
        + ContinuationFrame(1, data=b"\x82" * 1000).serialize() * 100,
    ),
    case(
        "a head that cannot be decoded",
        START + HeadersFrame(1, data=b"\xff" * 50 + SECRET, flags=["END_HEADERS"]).serialize(),
    ),
    case(
        "a table that is made too large",
        START + HeadersFrame(1, data=b"\x3f\xe1\xff\x7f", flags=["END_HEADERS"]).serialize(),
    ),
    case("data for the connection", START + raw(len(SECRET), 0, 0, 0, SECRET)),
    case("more padding than data", START + request(1, end=False) + raw(2, 0, 8, 1, b"\xff\x00")),
    case(
        "a goodbye in the middle",
        START + request(1, path=b"/held") + GoAwayFrame(0, additional_data=SECRET).serialize(),
    ),
    case(
        "more data than the window",
        START + request(1, end=False, path=b"/deaf") + data(1, bytes(16_000)) * 5,
    ),
    case("a push from a client", START + raw(4, 5, 4, 1, struct.pack("!I", 2))),
    case("a handler that raises", START + request(1, path=b"/fail")),
    case("a handler that raises half way", Step(START + request(1, path=b"/fail-late"), b"half")),
]

CASES = [
    *(Case(f"HTTP/1.1: {c.name}", c.steps, c.answer) for c in HTTP_1),
    *(Case(f"websocket: {c.name}", c.steps, c.answer) for c in WEBSOCKET),
    *(Case(f"HTTP/2: {c.name}", c.steps, c.answer) for c in HTTP_2),
]
