"""A malformed HTTP/2 request costs its stream, and no other stream of its connection.

**Source.** RFC 9113, section 8.1.1, and the sections that say what is malformed.
"""

from __future__ import annotations

import h2.events
import pytest
import trio
import trio.abc
from h2.errors import ErrorCodes

from omen.serving._h2_connection import ANNOUNCED, CONNECTION_WINDOW
from tests.serving.apps import Bare
from tests.serving.frames_client import FramesClient
from tests.serving.harness import H2Client, MemoryListener, serving
from tests.serving.hostile import START, data, fields, raw, request, reset

Field = tuple[bytes, bytes]
TEXT = (b"x-a", b"v")
POST = {"method": b"POST", "path": b"/echo"}


def listed(*fields_: Field) -> bytes:
    """A request of exactly these fields, in this order."""
    nothing = dict.fromkeys(("method", "scheme", "authority", "path"))
    return request(3, *fields_, **nothing)


def with_body(*frames: bytes, length: bytes | None = None) -> bytes:
    extra = [] if length is None else [(b"content-length", length)]
    return request(3, *extra, end=False, **POST) + b"".join(frames)


def trailers(*fields_: Field, end: bool = True) -> bytes:
    nothing = dict.fromkeys(("method", "scheme", "authority", "path"))
    return request(3, *fields_, end=end, **nothing)


END = "END_STREAM"

MALFORMED = {
    # Pseudo fields: section 8.3
    "no method": request(3, method=None),
    "no path": request(3, path=None),
    "no scheme": request(3, scheme=None),
    "no authority and no host": request(3, authority=None),
    "an empty path": request(3, path=b""),
    "an empty method": request(3, method=b""),
    "an empty authority": request(3, authority=b""),
    "a path without a slash": request(3, path=b"ok"),
    "a star for another method": request(3, path=b"*"),
    "a path with a space": request(3, path=b"/a b"),
    "a path that is not ASCII": request(3, path="/é".encode()),
    "a method that is not ASCII": request(3, method="GÉT".encode()),
    "a method with a space": request(3, method=b"GET /a HTTP/1.1"),
    "a scheme that is none": request(3, scheme=b"a b"),
    "a method twice": request(3, (b":method", b"GET")),
    "a path twice": request(3, (b":path", b"/x")),
    "an authority twice": request(3, (b":authority", b"x")),
    "a pseudo field behind another one": request(3, TEXT, (b":path", b"/x")),
    "all of them late": listed(TEXT, *fields()),
    "one nobody knows": request(3, (b":custom", b"x")),
    "one of a response": request(3, (b":status", b"200")),
    "one of an interim response": request(3, (b":status", b"103")),
    "a response": listed((b":status", b"200")),
    "an interim response": listed((b":status", b"100")),
    "a protocol without CONNECT": request(3, (b":protocol", b"websocket")),
    "a tunnel with a path": request(3, method=b"CONNECT"),
    "a websocket without a path": request(
        3, (b":protocol", b"websocket"), method=b"CONNECT", path=None
    ),
    "a user in the authority": request(3, authority=b"user@x"),
    "an authority with a path": request(3, authority=b"x/y"),
    "an authority with a space": request(3, authority=b"a b/c@d"),
    "a host that is malformed": request(3, (b"host", b"a b"), authority=None),
    "another host": request(3, (b"host", b"y")),
    "two hosts": request(3, (b"host", b"x"), (b"host", b"x")),
    # Fields: sections 8.2.1 and 8.2.2
    "a name in upper case": request(3, (b"X-A", b"v")),
    "a name with a space": request(3, (b"x a", b"v")),
    "a name with a colon": request(3, (b"x:a", b"v")),
    "a name with a line end": request(3, (b"x\r\na", b"v")),
    "a name with a NUL": request(3, (b"x\0", b"v")),
    "a name that is not ASCII": request(3, ("é".encode(), b"v")),
    "no name": request(3, (b"", b"v")),
    "a value with a NUL": request(3, (b"x-a", b"a\0b")),
    "a value with a CR": request(3, (b"x-a", b"a\rb")),
    "a value with an LF": request(3, (b"x-a", b"a\nb")),
    "a value with a request behind": request(3, (b"x-a", b"a\r\n\r\nGET /x HTTP/1.1\r\n\r\n")),
    "a value that begins with a space": request(3, (b"x-a", b" v")),
    "a value that ends with a tab": request(3, (b"x-a", b"v\t")),
    "connection": request(3, (b"connection", b"keep-alive")),
    "keep-alive": request(3, (b"keep-alive", b"timeout=5")),
    "proxy-connection": request(3, (b"proxy-connection", b"keep-alive")),
    "transfer-encoding": request(3, (b"transfer-encoding", b"chunked")),
    "upgrade": request(3, (b"upgrade", b"h2c")),
    "te that is not trailers": request(3, (b"te", b"gzip")),
    "te with more than trailers": request(3, (b"te", b"trailers, deflate")),
    # Lengths: section 8.1.1
    "less body than announced": with_body(data(3, b"abc", END), length=b"5"),
    "more body than announced": with_body(data(3, b"abc"), data(3, b"", END), length=b"1"),
    "more body than announced, in the second part": with_body(
        data(3, b"a"), data(3, b"bc", END), length=b"2"
    ),
    "no body, though announced": request(3, (b"content-length", b"5"), **POST),
    "no body, though announced, in two frames": with_body(data(3, b"", END), length=b"5"),
    "less body than announced, and trailers": with_body(data(3, b"a"), trailers(TEXT), length=b"5"),
    "a length that is no number": with_body(data(3, b"abc", END), length=b"three"),
    "a length with a plus": with_body(data(3, b"abc", END), length=b"+3"),
    "an empty length": with_body(data(3, b"", END), length=b""),
    "a list of lengths": with_body(data(3, b"abc", END), length=b"3, 3"),
    "a length of 5000 digits": with_body(data(3, b"abc", END), length=b"9" * 5000),
    "two lengths": request(3, (b"content-length", b"0"), (b"content-length", b"1"), **POST),
    "two equal lengths": request(3, (b"content-length", b"0"), (b"content-length", b"0"), **POST),
    # Trailers: section 8.1
    "trailers that are not the end": with_body(data(3, b"a"), trailers(TEXT, end=False)),
    "a pseudo field in trailers": with_body(data(3, b"a"), trailers((b":path", b"/x"))),
    "a name in upper case in trailers": with_body(data(3, b"a"), trailers((b"X", b"y"))),
    "a line end in trailers": with_body(data(3, b"a"), trailers((b"x", b"a\r\nb"))),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_it_costs_its_stream_and_no_other(name: str, autojump_clock: trio.abc.Clock) -> None:
    """An answer that runs goes on, and so does what comes behind, also what comes too late."""
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, path=b"/held"), MALFORMED[name])
        await client.until(lambda: client.reset(3) is not None)
        assert client.reset(3) == ErrorCodes.PROTOCOL_ERROR
        late = (data(3, b"late"), trailers(TEXT), data(3, b"", END), reset(3))
        await client.send(*late, request(5), *late)
        await client.until(lambda: client.ended(5))
        app.release.set()
        await client.until(lambda: client.ended(1))
        assert (client.body(1), client.body(5)) == (b"held", b"ok")
        assert client.goodbyes == []
        assert set(app.begun) <= {"/held", "/ok", "/echo"}
        assert app.begun.count("/echo") == app.ended.count("/echo")


async def test_the_window_of_what_came_for_it_is_given_back(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Three hundred times 16 KB is more than the connection's window."""
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START)
        for stream_id in range(1, 601, 2):
            head = request(stream_id, (b"content-length", b"5"), end=False, **POST)
            await client.send(head, data(stream_id, bytes(16_000)))
        await client.send(request(601))
        await client.until(lambda: client.ended(601))
        assert client.body(601) == b"ok"
        assert client.window - (CONNECTION_WINDOW - 65_535) > 300 * 16_000 - ANNOUNCED


@pytest.mark.parametrize(
    "priority", [b"\x00\x00\x00\x03\x10", b"\x80\x00\x00\x01\xff", b"\x7f\xff\xff\xff\x00"]
)
async def test_a_priority_is_ignored_even_one_that_makes_no_sense(
    priority: bytes, autojump_clock: trio.abc.Clock
) -> None:
    """Of a stream on itself, on an older one, on one that is not there: RFC 9113, section 5.3.2."""
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        block = request(3)[9:]
        with_priority = raw(len(block) + 5, 1, 0x20 | 0x4 | 0x1, 3, priority + block)
        await client.send(START, raw(5, 2, 0, 3, priority), with_priority)
        await client.until(lambda: client.ended(3))
        assert (client.body(3), client.goodbyes) == (b"ok", [])


async def test_a_head_that_is_too_large_is_a_431_and_one_beyond_reason_the_end() -> None:
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        held = await client.start("/held")
        large = [(b"x", b"y" * 1000)] * 70
        client.h2.send_headers(3, [*fields(), *large], end_stream=True)
        await client.flush()
        assert (await client.answer(3)).status == 431
        assert (await client.ask("/ok")).body == b"ok"
        app.release.set()
        assert (await client.answer(held)).body == b"held"
        client.h2.send_headers(7, [*fields(), *large * 5], end_stream=True)
        await client.flush()
        await client.until(h2.events.ConnectionTerminated)
    assert app.begun == ["/held", "/ok"]


@pytest.mark.parametrize("method", [b"get", b"hEAD"])
async def test_a_method_in_small_letters_is_one_that_nobody_knows(method: bytes) -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        client.h2.send_headers(1, fields(method=method), end_stream=True)
        await client.flush()
        assert (await client.answer(1)).status == 501


@pytest.mark.parametrize(
    "extra",
    [
        [(b"te", b"trailers")],
        [(b"host", b"x")],
        [(b"x-empty", b"")],
        [(b"content-length", b"0")],
        [(b"cookie", b"a=b"), (b"cookie", b"c=d")],
    ],
)
async def test_what_is_unusual_and_allowed_is_served(extra: list[Field]) -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        client.h2.send_headers(1, [*fields(), *extra], end_stream=True)
        await client.flush()
        assert (await client.answer(1)).body == b"ok"


async def test_a_body_with_trailers_is_as_long_as_it_says() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        head = [*fields(**POST), (b"content-length", b"3")]
        client.h2.send_headers(1, head)
        client.h2.send_data(1, b"abc")
        client.h2.send_headers(1, [TEXT], end_stream=True)
        await client.flush()
        assert (await client.answer(1)).body == b"abc"
