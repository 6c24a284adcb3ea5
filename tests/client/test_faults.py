"""What goes wrong with a gateway is one of the client's errors, at once, and costs nothing else."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.abc
import trio.testing
import trio_websocket
import trustme
from pydantic_core import from_json, to_json

import omen.client
from omen.client._client import Client, _base
from omen.client._link import Link

Serve = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


@asynccontextmanager
async def gateway(serve: Serve) -> AsyncIterator[str]:
    """Serve websockets by hand."""

    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept()
        try:
            await serve(socket)
        except trio_websocket.ConnectionClosed:
            return

    async with trio.open_nursery() as nursery:
        start = trio_websocket.serve_websocket
        server = await nursery.start(start, handle, "127.0.0.1", 0, None)
        yield f"http://127.0.0.1:{server.port}"
        nursery.cancel_scope.cancel()


# What is no answer of a gateway -----------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "<html>",
        "",
        "[]",
        "1",
        '"chunk"',
        "null",
        "{}",
        b"\xff\xfe",
        '{"type": 1}',
        '{"type": "chunk", "id": 1, "chunk": {}}',
        '{"type": "chunk", "id": "r1"}',
        '{"type": "chunk", "id": "r1", "chunk": []}',
        '{"type": "event", "id": "r1", "event": "x"}',
        '{"type": "error", "id": null, "error": "x"}',
        '{"type": "error"}',
    ],
)
async def test_what_is_no_frame_ends_the_connection_and_its_streams(message: str | bytes) -> None:
    times = 0

    async def serve(socket: trio_websocket.WebSocketConnection) -> None:
        nonlocal times
        times += 1
        asked = from_json(await socket.get_message())
        if times == 1:
            await socket.send_message(message)
            await socket.get_message()
        done = {"type": "done", "id": asked["id"]}
        await socket.send_message(to_json(done).decode())
        await socket.get_message()

    async with gateway(serve) as url, omen.client.connect(url) as client:
        async with client.race("hi") as stream:
            with pytest.raises(omen.client.ConnectionLost, match="not a gateway"):
                await stream.read_text()
        async with client.race("hi") as stream:
            assert await stream.read_text() == ""
    assert times == 2


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "chunk", "chunk": {"choices": 1}},
        {"type": "chunk", "chunk": {"choices": [1]}},
        {"type": "chunk", "chunk": {"choices": [{"delta": 1}]}},
        {"type": "chunk", "chunk": {"choices": [{"delta": {"tool_calls": [1]}}]}},
        {"type": "chunk", "chunk": {"choices": [{"delta": {"tool_calls": 1}}]}},
        {"type": "chunk", "chunk": {"choices": [], "usage": 1}},
        {"type": "event", "event": {}},
        {"type": "event", "event": {"kind": "started"}},
    ],
)
async def test_an_answer_that_cannot_be_read_ends_its_stream_only(frame: dict[str, Any]) -> None:
    async def serve(socket: trio_websocket.WebSocketConnection) -> None:
        first = from_json(await socket.get_message())
        second = from_json(await socket.get_message())
        await socket.send_message(to_json({**frame, "id": first["id"]}).decode())
        assert from_json(await socket.get_message()) == {"type": "cancel", "id": first["id"]}
        await socket.send_message(to_json({"type": "done", "id": second["id"]}).decode())
        await socket.get_message()

    async with gateway(serve) as url, omen.client.connect(url) as client:
        async with client.race("hi") as first, client.race("hi") as second:
            with pytest.raises(omen.client.AnswerFailed, match="cannot be read") as failed:
                await first.read_text()
            assert failed.value.code == "unreadable_answer"
            await client._link.end(first)
            assert await second.read_text() == ""


async def test_a_newer_gateway_may_say_more() -> None:
    async def serve(socket: trio_websocket.WebSocketConnection) -> None:
        asked = from_json(await socket.get_message())
        for frame in ({"type": "weather", "sky": "blue"}, {"type": "done", "id": asked["id"]}):
            await socket.send_message(to_json(frame).decode())
        await socket.get_message()

    async with gateway(serve) as url, omen.client.connect(url) as client:
        async with client.race("hi") as stream:
            assert await stream.read_text() == ""


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"data": 1}'])
async def test_models_of_what_is_no_gateway(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    async with httpx.AsyncClient(transport=transport, base_url="http://h") as http:
        with pytest.raises(omen.client.AnswerFailed, match="cannot be read"):
            await Client(http, Link("http://h", [], 1)).models()


# What can be known before anything is asked -----------------------------------------------------


@pytest.mark.parametrize("key", ["sk-omen-x\n", "sk omen", "", "\u00e9", "a\0", "key\r\nx: y"])
async def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(omen.client.ConnectFailed, match="the key has") as failed:
        async with omen.client.connect("http://127.0.0.1:1", key):
            pass
    assert key not in str(failed.value) or not key


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8080", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://[::1", "",
     "http://h\n"],
)  # fmt: skip
async def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(omen.client.ConnectFailed, match="the URL of a gateway is"):
        async with omen.client.connect(url):
            pass


@asynccontextmanager
async def speaking_tls(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def handle(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            await stream.receive_some()
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        start = partial(trio.serve_ssl_over_tcp, handle, 0, context, host="127.0.0.1")
        (listener,) = await nursery.start(start)
        yield listener.transport_listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_certificate_that_is_not_trusted_is_said_to_be_one() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    async with speaking_tls(context) as port:
        with pytest.raises(
            omen.client.ConnectFailed, match=r"certificate is not trusted \(.*SSL_CERT_FILE$"
        ):
            async with omen.client.connect(f"https://localhost:{port}"):
                pass


async def test_one_of_another_host_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with speaking_tls(context) as port:
        with pytest.raises(
            omen.client.ConnectFailed, match=r"not trusted \(.*localhost.*own name$"
        ):
            async with omen.client.connect(f"https://localhost:{port}"):
                pass


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server does not speak TLS there; use http://"),
        (b"", "ended during"),
    ],
)
async def test_what_speaks_no_tls_is_said_to_be_that(said: bytes, words: str) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said)

    async with trio.open_nursery() as nursery:
        start = partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        (listener,) = await nursery.start(start)
        port = listener.socket.getsockname()[1]
        with pytest.raises(omen.client.ConnectFailed, match=f"TLS failed: .*{words}"):
            async with omen.client.connect(f"https://127.0.0.1:{port}"):
                pass
        nursery.cancel_scope.cancel()


async def test_a_file_of_authorities_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "no.pem"))
    with pytest.raises(omen.client.ConnectFailed, match="SSL_CERT_FILE names cannot be read"):
        async with omen.client.connect("https://127.0.0.1:1"):
            pass


async def test_a_port_that_wants_tls_is_suspected_where_it_answers_400() -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with trio.open_nursery() as nursery:
        start = partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        (listener,) = await nursery.start(start)
        port = listener.socket.getsockname()[1]
        with pytest.raises(omen.client.ConnectFailed, match="speaks TLS there, use https://"):
            async with omen.client.connect(f"http://127.0.0.1:{port}"):
                pass
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_the_url_that_sdks_want_is_taken_too(end: str) -> None:
    assert _base(f"http://127.0.0.1:8080{end}") == "http://127.0.0.1:8080"
