"""Requests and responses on one HTTP/1.1 connection, and when it goes on behind them."""

from __future__ import annotations

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, answer, http, read_body
from tests.serving.harness import H1Client, MemoryListener, get, post, read_all, serving


@http
async def by_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the status that the path names."""
    await answer(send, b"body", int(scope["path"][1:]))


@pytest.mark.parametrize(
    ("first", "head_ends_with"),
    [
        (get("/200").replace(b"GET", b"HEAD"), b"content-length: 4\r\n"),
        (get("/204"), b""),
        (get("/304"), b"content-length: 4\r\n"),
    ],
)
async def test_a_response_without_a_body_is_followed_by_the_next_response(
    first: bytes, head_ends_with: bytes
) -> None:
    async with serving(by_path) as server:
        stream = await server.connect()
        await stream.send_all(first + get("/201", "connection: close"))
        one, _, two = (await read_all(stream)).partition(b"HTTP/1.1 201 ")
        assert one.endswith(b"\r\n\r\n")
        assert head_ends_with in one
        assert two.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize("headers", [(), ("connection: keep-alive",)])
async def test_http_1_0_gets_its_answer_and_the_end(headers: tuple[str, ...]) -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/ok", *headers).replace(b"1.1", b"1.0") * 2)
        told = await read_all(stream)
        assert told.startswith(b"HTTP/1.1 200 OK\r\n")
        assert told.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close\r\n" in told.lower()
    assert app.begun == ["/ok"]


async def test_a_stream_to_http_1_0_ends_with_the_connection() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
        head, _, body = (await read_all(stream)).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert body == b"onetwo"


async def test_a_whole_request_is_one_message_however_it_is_framed() -> None:
    """Each further message would cost the handler a further call."""
    messages: list[object] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages.append(await receive())
        await answer(send, b"")

    chunks = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    async with serving(app) as server:
        client = H1Client(await server.connect())
        await client.ask(post("/", b"abc"))
        await client.ask(chunks + b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
        await client.ask(get("/"))
    whole = {"type": "http.request", "body": b"abc", "more_body": False}
    assert messages == [whole, whole, {**whole, "body": b""}]


async def test_a_scope_has_what_asgi_says() -> None:
    scopes: list[Scope] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await answer(send, await read_body(receive))

    async with serving(app) as server:
        client = H1Client(await server.connect())
        await client.ask(
            b"GET /a%20b/%C3%A9?c=%20 HTTP/1.2\r\nHost: x\r\nX-A:  b\t\r\nx-a: c\r\n\r\n"
        )
        (scope,) = scopes
        assert isinstance(client.stream, trio.SocketStream)
        ends = client.stream.socket.getsockname(), client.stream.socket.getpeername()
        assert (scope["client"], scope["server"]) == ends
    assert scope["type"] == "http"
    assert scope["http_version"] == "1.1"
    assert (scope["method"], scope["scheme"], scope["root_path"]) == ("GET", "http", "")
    assert (scope["path"], scope["raw_path"]) == ("/a b/\u00e9", b"/a%20b/%C3%A9")
    assert scope["query_string"] == b"c=%20"
    assert scope["headers"] == [(b"host", b"x"), (b"x-a", b"b"), (b"x-a", b"c")]
    assert "http.response.trailers" not in scope["extensions"]


async def test_an_answer_before_the_whole_body_is_the_last_on_its_connection(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        stream = await server.connect()
        await stream.send_all(post("/early", bytes(1000))[:-500])
        assert (await read_all(stream)).endswith(b"early")
        await stream.send_all(bytes(500) + get("/ok"))
        await server.handle.wait_connections(0)
    assert app.begun == ["/early"]


async def test_a_handler_that_begins_and_fails_before_its_body_is_answered_500() -> None:
    """Nothing of its response was sent yet, so the client need not see a broken one."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/") * 2)
        told = await read_all(stream)
        assert told.startswith(b"HTTP/1.1 500 ")
        assert told.count(b"HTTP/1.1 ") == 1


async def test_a_client_that_has_got_its_answer_is_not_told_to_go_on() -> None:
    """The handler asks for the body behind its answer: too late for `100 Continue`."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"no", 413)
        await receive()

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(
            b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
        )
        assert (await read_all(stream)).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("message", ["http.response.trailers", "http.response.push", "nonsense"])
async def test_a_message_that_http_1_1_does_not_have_is_the_handlers_failure(
    message: str, caplog: pytest.LogCaptureFixture
) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": message, "headers": []})

    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).status == 500
    assert len(caplog.records) == 1


async def test_a_second_start_is_refused_and_the_first_one_sent() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 201, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({**start, "status": 404})

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/"))
        told = await read_all(stream)
        assert told.startswith(b"HTTP/1.1 201 ")
        assert told.endswith(b"\r\n\r\n1\r\na\r\n")
        assert told.count(b"HTTP/1.1 ") == 1


async def test_two_tasks_of_a_handler_may_send_at_once(autojump_clock: trio.abc.Clock) -> None:
    """Each part goes out whole, in the order of the calls."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with trio.open_nursery() as nursery:
            for letter in (b"a", b"b", b"c"):
                part = {"type": "http.response.body", "body": letter * 70_000, "more_body": True}
                nursery.start_soon(send, part)
                await trio.testing.wait_all_tasks_blocked()
        await send({"type": "http.response.body"})

    memory = MemoryListener(trio.testing.lockstep_stream_pair)
    async with serving(app, memory=memory) as server:
        client = H1Client(await server.connect())
        body = (await client.ask(get("/"))).body
    assert body == b"a" * 70_000 + b"b" * 70_000 + b"c" * 70_000
