"""TLS: one port, whatever is spoken on it."""

from __future__ import annotations

import ssl

import h2.events
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, answer, http
from tests.serving.harness import (
    Answer,
    H1Client,
    H2Client,
    MemoryListener,
    get,
    post,
    read_all,
    read_until,
    reset,
    serving,
)
from tests.serving.hostile import HANDSHAKE, ws_frame
from tests.serving.tls import TLSClient, client_context, tls_context


@pytest.mark.parametrize(
    ("asked_for", "spoken"),
    [
        (("h2", "http/1.1"), "h2"),
        (("http/1.1", "h2"), "h2"),  # The server's preference counts.
        (("http/1.1",), "http/1.1"),
        (("spdy/3",), None),
        ((), None),
    ],
)
async def test_client_and_server_agree_on_what_to_speak(
    asked_for: tuple[str, ...], spoken: str | None
) -> None:
    async with serving(Bare(), tls=tls_context()) as server:
        stream = await server.connect_tls(*asked_for)
        assert stream.protocol == spoken
        client = H2Client(stream) if spoken == "h2" else None
        told: Answer = await (client.ask("/ok") if client else H1Client(stream).ask(get("/ok")))
        assert told.body == b"ok"


async def test_everything_is_served_on_one_port() -> None:
    """HTTP/1.1, HTTP/2 by ALPN and by its preface, and websockets over each."""
    async with serving(Bare(), tls=tls_context(), plain_beside_tls=True) as server:
        for stream in (await server.connect(), await server.connect_tls()):
            assert (await H1Client(stream).ask(get("/ok"))).body == b"ok"
        for stream in (await server.connect(), await server.connect_tls("h2")):
            assert (await H2Client(stream).ask("/ok")).body == b"ok"
        for stream in (await server.connect(), await server.connect_tls()):
            await stream.send_all(get("/ws", *(header.decode() for header in HANDSHAKE)))
            assert b" 101 " in await read_until(stream, b"\r\n\r\n")
            await stream.send_all(ws_frame(1, b"hello"))
            assert await read_until(stream, b"hello") == b"\x81\x05hello"


async def test_the_application_is_told_the_scheme() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, scope["scheme"].encode())

    async with serving(app, tls=tls_context(), plain_beside_tls=True) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).body == b"http"
        assert (await H1Client(await server.connect_tls()).ask(get("/"))).body == b"https"
        assert (await H2Client(await server.connect_tls("h2")).ask("/")).body == b"https"


@pytest.mark.parametrize("said", [get("/ok"), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x80garbage"])
async def test_a_client_that_does_not_speak_tls_is_told_so(said: bytes) -> None:
    app = Bare()
    async with serving(app, tls=tls_context()) as server:
        stream = await server.connect()
        await stream.send_all(said)
        told = await H1Client(stream).answer()
        assert told.status == 400
        assert told.body == b"This port speaks HTTPS, and only that\n"
        assert await read_all(stream) == b""
    assert app.begun == []


async def test_an_upgrade_to_http_2_is_not_taken_up_inside_tls() -> None:
    upgrade = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk")
    async with serving(Bare(), tls=tls_context()) as server:
        client = H1Client(await server.connect_tls())
        assert (await client.ask(get("/ok", *upgrade))).body == b"ok"


async def test_a_large_body_goes_both_ways() -> None:
    body = bytes(range(256)) * 8000
    async with serving(Bare(), tls=tls_context()) as server:
        stream = await server.connect_tls()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, post("/echo", body))
            assert (await H1Client(stream).answer()).body == body


async def test_the_end_of_a_response_is_a_goodbye_and_not_just_an_end() -> None:
    """A response without a length ends with its connection; else nobody could tell a cut."""
    async with serving(Bare(), tls=tls_context()) as server:
        stream = await server.connect_tls()
        await stream.send_all(get("/ok", "connection: close"))
        # trio's client is strict about it: an end without a goodbye would raise.
        while await stream.tls.receive_some():
            pass
        assert await stream.raw.receive_some() == b""


async def test_a_client_that_says_goodbye_has_left() -> None:
    app = Bare()
    async with serving(app, tls=tls_context()) as server:
        stream = await server.connect_tls()
        await stream.send_all(get("/held"))
        await app.until(app.begun, "/held")
        await stream.say_goodbye()
        await app.until(app.heard, "/held")
        await stream.aclose()
        await server.handle.wait_connections(0)


@pytest.mark.parametrize("path", ["/held", "/stream", "/flood"])
@pytest.mark.parametrize("leave", ["FIN", "RST"])
@pytest.mark.parametrize("http_2", [False, True])
async def test_one_that_just_leaves_is_heard_of(path: str, leave: str, http_2: bool) -> None:
    app = Bare()
    async with serving(app, tls=tls_context()) as server:
        stream = await server.connect_tls(*(["h2"] if http_2 else []))
        await (H2Client(stream).start(path) if http_2 else stream.send_all(get(path)))
        await app.until(app.begun, path)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await (reset(stream.raw) if leave == "RST" else stream.aclose())
        await app.until(app.heard, path)
        await server.handle.wait_connections(0)


# Greetings that come to nothing -----------------------------------------------------------------


async def test_a_client_that_speaks_too_old_a_version_is_sent_the_alert_that_says_so() -> None:
    context = client_context()
    with pytest.deprecated_call():
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.deprecated_call():
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(Bare(), tls=tls_context()) as server:
        client = TLSClient(await server.connect(), context)
        with pytest.raises(trio.BrokenResourceError) as broken:
            await client.tls.do_handshake()
        assert "ALERT_PROTOCOL_VERSION" in str(broken.value.__cause__)


async def test_one_that_does_not_trust_us_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(Bare(), tls=tls_context()) as server:
        client = TLSClient(await server.connect(), ssl.create_default_context())
        with pytest.raises(trio.BrokenResourceError):
            await client.tls.do_handshake()
        await client.aclose()
        await server.handle.wait_connections(0)
    assert caplog.records == []


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
async def test_a_greeting_has_the_header_timeout(
    said: bytes, autojump_clock: trio.abc.Clock
) -> None:
    memory = MemoryListener()
    async with serving(Bare(), memory=memory, tls=tls_context(), header_timeout=30) as server:
        stream = await server.connect()
        began = trio.current_time()
        await stream.send_all(said)
        assert await read_all(stream) == b""
        assert trio.current_time() - began == 30


async def test_and_the_head_of_the_first_request_has_the_rest_of_it(
    autojump_clock: trio.abc.Clock,
) -> None:
    memory = MemoryListener()
    async with serving(Bare(), memory=memory, tls=tls_context(), header_timeout=30) as server:
        stream = await server.connect()
        began = trio.current_time()
        await trio.sleep(20)
        client = await TLSClient.greet(stream, "h2")
        await client.send_all(b"PRI * HTTP/2.0\r\n")
        while await client.receive_some():
            pass
        assert trio.current_time() - began == 30


async def test_a_greeting_does_not_hold_up_the_end_of_the_server(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), tls=tls_context(), linger=0) as server:
        stream = await server.connect()
        await stream.send_all(b"\x16\x03\x01\x02\x00")
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        server.shutdown.set()
        await server.ended.wait()
        assert trio.current_time() == began


async def test_beyond_the_limit_of_connections_the_answer_is_503_inside_tls() -> None:
    async with serving(Bare(), tls=tls_context(), max_connections=0) as server:
        told = await H1Client(await server.connect_tls()).answer()
        assert (told.status, told.headers[b"retry-after"]) == (503, b"1")


async def test_the_last_event_is_seen() -> None:
    """HTTP/2's own goodbye goes out before that of TLS."""
    async with serving(Bare(), tls=tls_context()) as server:
        client = H2Client(await server.connect_tls("h2"))
        await client.ask("/ok")
        server.shutdown.set()
        await client.until(h2.events.ConnectionTerminated)
