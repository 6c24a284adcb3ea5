"""What goes wrong with a gateway is one of the client's errors, at once, and costs nothing else."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from omen.client._client import END_SECONDS, Client
from omen.client._link import Link
from omen.client._outbox import WRITE_SECONDS
from omen.events import TextDelta

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
            with pytest.raises(omen.client.ConnectionLost, match="no gateway"):
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
        with pytest.raises(omen.client.ConnectFailed, match="certificate is not trusted"):
            async with omen.client.connect(f"https://localhost:{port}"):
                pass


async def test_one_of_another_host_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with speaking_tls(context) as port:
        with pytest.raises(omen.client.ConnectFailed, match=r"not trusted \(.*localhost"):
            async with omen.client.connect(f"https://localhost:{port}"):
                pass


@pytest.mark.parametrize(
    ("said", "words"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "wrong version number"), (b"", "ended before")],
)
async def test_what_speaks_no_tls_is_said_to_be_that(said: bytes, words: str) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said)

    async with trio.open_nursery() as nursery:
        start = partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        (listener,) = await nursery.start(start)
        port = listener.socket.getsockname()[1]
        with pytest.raises(omen.client.ConnectFailed, match=f"no TLS with it: .*{words}"):
            async with omen.client.connect(f"https://127.0.0.1:{port}"):
                pass
        nursery.cancel_scope.cancel()


# A gateway that does not read -------------------------------------------------------------------


class FullSocket:
    """A websocket whose peer takes nothing more, as a link sees it."""

    def __init__(self, takes: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.halves: list[dict[str, Any]] = []
        self._takes = takes

    async def send_message(self, text: str) -> None:
        frame = from_json(text)
        if len(self.taken) >= self._takes:
            self.halves.append(frame)
            await trio.sleep_forever()
        await trio.sleep(0.01)
        self.taken.append(frame)

    async def get_message(self) -> str:
        await trio.sleep_forever()
        raise AssertionError

    async def ping(self) -> None:
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def linked(sockets: Sequence[FullSocket]) -> AsyncIterator[Client]:
    """A client whose link has these sockets, one after the other."""
    link = Link("http://h/omen/ws", [], 4)

    async def run() -> None:
        for socket in sockets:
            await link._wanted.wait()
            await link._use(socket)  # type: ignore[arg-type]

    async with httpx.AsyncClient() as http, trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield Client(http, link)
        nursery.cancel_scope.cancel()


async def test_leaving_a_stream_takes_no_longer_than_it_may(
    autojump_clock: trio.abc.Clock,
) -> None:
    socket = FullSocket(takes=1)
    async with linked([socket]) as client:
        async with client.race("hi"):
            began = trio.current_time()
        assert trio.current_time() - began == pytest.approx(END_SECONDS)
    assert socket.halves == [{"type": "cancel", "id": "r1"}]


async def test_also_when_the_caller_is_cancelled(autojump_clock: trio.abc.Clock) -> None:
    async with linked([FullSocket(takes=1)]) as client:
        began = trio.current_time()
        with trio.move_on_after(1):
            async with client.race("hi"):
                await trio.sleep_forever()
        assert trio.current_time() - began == pytest.approx(1 + END_SECONDS)


async def test_a_frame_that_is_not_taken_ends_the_connection_it_is_half_in(
    autojump_clock: trio.abc.Clock,
) -> None:
    """What follows it would be read as the rest of it. The next race has another connection."""
    full, fresh = FullSocket(takes=1), FullSocket(takes=9)
    async with linked([full, fresh]) as client:
        began = trio.current_time()
        async with client.race("first") as stream:
            with pytest.raises(omen.client.ConnectionLost, match="did not take a frame within"):
                async with client.race("second"):
                    pass
            assert trio.current_time() - began == pytest.approx(0.01 + WRITE_SECONDS)
            with pytest.raises(omen.client.ConnectionLost, match="did not take a frame within"):
                await anext(stream)
        assert "not connected" in repr(client)
        async with client.race("third"):
            pass
    assert [frame["type"] for frame in fresh.taken] == ["request", "cancel"]
    assert len(full.taken) == len(full.halves) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_frames_go_out_whole_and_in_order_whoever_is_cancelled(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    scheduler.seed(seed)
    dice = random.Random(seed)
    socket = FullSocket(takes=1000)

    async def race(client: Client) -> None:
        with trio.move_on_after(dice.choice([0, 0.001, 0.01, 0.02, 0.05])):
            async with client.race("hi"):
                await trio.sleep(dice.choice([0, 0.01, 1]))

    async with linked([socket]) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(race, client)
        await trio.sleep(1)
    assert socket.halves == []
    asked = [frame["id"] for frame in socket.taken if frame["type"] == "request"]
    ended = [frame["id"] for frame in socket.taken if frame["type"] == "cancel"]
    assert sorted(asked) == sorted(ended)
    for one in asked:
        ids = [frame["type"] for frame in socket.taken if frame["id"] == one]
        assert ids == ["request", "cancel"]


async def test_a_read_that_is_cancelled_while_it_gives_credit_gives_it_once(
    autojump_clock: trio.abc.Clock,
) -> None:
    socket = FullSocket(takes=1000)
    async with linked([socket]) as client:
        async with client.race("hi") as stream:
            for number in range(8):
                delta = {"content": str(number)}
                chunk = {"choices": [{"index": 0, "delta": delta}]}
                stream.put({"type": "chunk", "id": stream.id, "chunk": chunk})
            read: list[str] = []
            while len(read) < 8:
                with trio.move_on_after(0.004):
                    event = await anext(stream)
                    read += [event.text] if isinstance(event, TextDelta) else []
            await trio.sleep(1)
            given = [frame["chunks"] for frame in socket.taken if frame["type"] == "credit"]
            assert "".join(read) == "01234567"
            assert sum(given) == 8
