"""What changes the protocol of a connection: HTTP/2's preface as its first bytes, or a websocket.

`Upgrade: h2c` changes nothing, in whatever form it comes: a proxy that forwards `Upgrade` for the
sake of websockets would tunnel it, and its rules would not see the requests inside.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import h2.config
import h2.connection
import pytest
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, answer, http
from tests.serving.harness import H1Client, H2Client, get, read_all, read_until, serving
from tests.serving.hostile import HANDSHAKE, ws_frame
from tests.serving.tls import tls_context

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = (
    h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=True)
    ).initiate_upgrade_connection()
    or b""
).decode()
CONNECTIONS = (
    (),
    ("connection: upgrade",),
    ("connection: Upgrade, HTTP2-Settings",),
    ("connection: keep-alive",),
)
TOKENS = ("h2c", "H2C", " h2c ", "h2c, foo/2", "foo/2, h2c", "h2", "HTTP/2.0", "TLS/1.0, h2c")
OFFERED_SETTINGS = (
    (),
    (f"http2-settings: {SETTINGS}",),
    ("http2-settings: !",),
    ("http2-settings: ",),
)


def asks(path: str, version: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "host: test", *headers, "", ""]).encode()


@http
async def versions(scope: Scope, receive: Receive, send: Send) -> None:
    """Say by which protocol a request came."""
    await answer(send, f"by {scope['http_version']} for {scope['path']}".encode())


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("settings", OFFERED_SETTINGS)
@pytest.mark.parametrize("connection", CONNECTIONS)
async def test_an_upgrade_to_http_2_is_answered_as_what_it_came_as(
    token: str, settings: Sequence[str], connection: Sequence[str]
) -> None:
    async with serving(versions) as server:
        client = H1Client(await server.connect())
        offer = (*connection, f"upgrade: {token}", *settings)
        assert (await client.ask(get("/one", *offer))).body == b"by 1.1 for /one"
        # The connection is still HTTP/1.1, and no preface makes it anything else.
        assert (await client.ask(get("/two"))).body == b"by 1.1 for /two"
        await client.send(PREFACE)
        told = await read_all(client.stream)
        assert told.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("more", [(), ("upgrade: h2c",), ("x-forwarded-for: 203.0.113.9",)])
async def test_over_http_1_0_as_well(more: Sequence[str]) -> None:
    async with serving(versions) as server:
        stream = await server.connect()
        offer = ("connection: upgrade", "upgrade: h2c", f"http2-settings: {SETTINGS}", *more)
        await stream.send_all(asks("/one", "1.0", *offer))
        told = await read_all(stream)
        assert told.startswith(b"HTTP/1.1 200 ")
        assert told.endswith(b"by 1.0 for /one")


async def test_a_preface_right_behind_an_upgrade_is_not_taken_up_either() -> None:
    """As a tunnel would send it: HTTP/2's greeting and a request, without waiting for a 101."""
    ours = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    settings = (ours.initiate_upgrade_connection() or b"").decode()
    ours.send_headers(3, [(":method", "GET"), (":path", "/inner"), (":scheme", "http"),
                          (":authority", "test")], end_stream=True)  # fmt: skip
    offer = ("connection: upgrade", "upgrade: h2c", f"http2-settings: {settings}")
    seen: list[str] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await answer(send, b"ok")

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/outer", *offer) + ours.data_to_send())
        told = await read_all(stream)
        assert told.count(b"HTTP/1.1 200 ") == 1
        assert b" 101 " not in told
        assert seen == ["/outer"]


@pytest.mark.parametrize("tls", [False, True])
async def test_the_preface_of_a_connection_is_its_first_bytes_in_whatever_pieces(tls: bool) -> None:
    async with serving(versions, tls=tls_context() if tls else None) as server:
        client = H2Client(await (server.connect_tls("h2") if tls else server.connect()))
        greeting = client.h2.data_to_send()
        for byte in greeting:
            await client.stream.send_all(bytes([byte]))
        assert (await client.ask("/one")).body == b"by 2 for /one"


@pytest.mark.parametrize(
    "imitation",
    [
        b"PRI * HTTP/2.0\r\nx-forwarded-for: 203.0.113.9\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\nhost: x\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\n\nSM\n\n",
        b"PRI * HTTP/2.0\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n",
        b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n" + PREFACE,
    ],
)
async def test_what_only_looks_like_a_preface_is_none(imitation: bytes) -> None:
    """Hypercorn takes each of the first four for one, headers of a proxy's included."""
    async with serving(Bare()) as server:
        stream = await server.connect()
        rest = H2Client(stream).h2.data_to_send().removeprefix(PREFACE)
        await stream.send_all(imitation + rest)
        await stream.send_eof()
        assert (await read_all(stream))[:9] in (b"HTTP/1.1 ", b"")


async def test_an_empty_line_makes_a_preface_a_bad_request_though_it_comes_alone() -> None:
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(b"\r\n")
        await trio.testing.wait_all_tasks_blocked(0.01)
        await stream.send_all(H2Client(stream).h2.data_to_send())
        assert (await read_all(stream)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("before", [1, 2])
async def test_a_preface_behind_a_request_is_a_bad_request(before: int) -> None:
    async with serving(Bare()) as server:
        client = H1Client(await server.connect())
        for _ in range(before):
            assert (await client.ask(get("/ok"))).body == b"ok"
        await client.send(H2Client(client.stream).h2.data_to_send())
        assert (await read_all(client.stream)).startswith(b"HTTP/1.1 400 ")


async def test_a_preface_sent_ahead_behind_a_request_is_a_bad_request() -> None:
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(get("/ok") + H2Client(stream).h2.data_to_send())
        told = await read_all(stream)
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 400 " in told


@pytest.mark.parametrize(
    "offer",
    [
        ("connection: upgrade", "upgrade: websocket, h2c"),
        ("connection: upgrade, http2-settings", "upgrade: h2c, websocket"),
        ("connection: Upgrade", "connection: keep-alive", "upgrade: WebSocket"),
        ("connection: upgrade", "upgrade: websocket", "upgrade: h2c"),
    ],
)
async def test_of_several_offers_the_websocket_is_taken(offer: Sequence[str]) -> None:
    handshake = [*offer, *(header.decode() for header in HANDSHAKE[2:])]
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(get("/ws", *handshake, f"http2-settings: {SETTINGS}"))
        head = await read_until(stream, b"\r\n\r\n")
        assert b" 101 " in head
        assert b"h2c" not in head
        await stream.send_all(ws_frame(1, b"hello"))
        assert await read_until(stream, b"hello") == b"\x81\x05hello"
        await stream.send_all(PREFACE)  # inside it is a broken frame, and nothing else
        assert b"HTTP" not in await read_all(stream)


@pytest.mark.parametrize(
    "request_",
    [
        get("/ok", "upgrade: websocket"),
        get("/ok", "connection: keep-alive", "upgrade: websocket, h2c"),
        get("/ok", "connection: upgrade", "upgrade: websocket").replace(b"GET", b"POST", 1),
        asks("/ok", "1.0", "connection: upgrade, keep-alive", "upgrade: websocket"),
    ],
)
async def test_a_websocket_that_is_not_one_has_its_answer_and_no_second_one(
    request_: bytes,
) -> None:
    """Some proxies pipe whatever comes behind a request that names websockets."""
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(request_ + get("/admin/config"))
        told = await read_all(stream)
        assert told.count(b"HTTP/1.1 ") == 1
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in told.lower()
        assert app.begun == ["/ok"]


def test_the_settings_that_are_offered_are_well_formed() -> None:
    """Else the tests above would show less than they say."""
    assert len(base64.urlsafe_b64decode(SETTINGS + "==")) % 6 == 0
