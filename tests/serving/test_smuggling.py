"""What a proxy and this server could read in two ways is answered with an error, and that is all.

Behind each of these is a request for `/smuggled`. It is what another client's bytes would become.
"""

from __future__ import annotations

import pytest
import trio
import trio.abc

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, answer, http, read_body
from tests.serving.harness import H1Client, MemoryListener, get, post, read_all, serving
from tests.serving.test_framing import REFUSED

SMUGGLED = get("/smuggled")
HEAD = b"POST /echo HTTP/1.1\r\nhost: test\r\n"

MORE = {
    "a space in front of the colon of a length": HEAD + b"content-length : 3\r\n\r\nabc",
    "a space in front of the colon of an encoding": HEAD
    + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "a tab in front of a colon": HEAD + b"content-length\t: 3\r\n\r\nabc",
    "a vertical tab behind a colon": HEAD + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a form feed in a name": HEAD + b"content-length\x0c: 3\r\n\r\nabc",
    "a name with a space": HEAD + b"x content-length: 3\r\n\r\nabc",
    "no name": HEAD + b": chunked\r\n\r\n",
    "no colon": HEAD + b"content-length\r\n\r\n",
    "no host": b"GET /ok HTTP/1.1\r\n\r\n",
    "no host in a newer version": b"GET /ok HTTP/1.2\r\n\r\n",
    "two hosts": get("/ok", "host: test"),
    "a folded host": b"GET /ok HTTP/1.1\r\nhost: a\r\n b\r\n\r\n",
}
NOT_IMPLEMENTED = {
    "another encoding": HEAD + b"transfer-encoding: gzip\r\n\r\n",
    "another encoding in front of chunks": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n",
    "chunks in front of another encoding": HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n",
    "chunks in chunks": HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks in quotes": HEAD + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunks with a parameter": HEAD + b"transfer-encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
    "no encoding": HEAD + b"transfer-encoding:\r\n\r\n",
    "the encoding that is none": HEAD + b"transfer-encoding: identity\r\n\r\n",
    "a tunnel": b"CONNECT test:443 HTTP/1.1\r\nhost: test:443\r\n\r\n",
}


async def heard_after(sent: bytes, app: Bare) -> bytes:
    async with serving(app, memory=MemoryListener()) as server:
        stream = await server.connect()
        await stream.send_all(sent + SMUGGLED * 3)
        heard = await read_all(stream)
        await stream.aclose()
        await server.handle.wait_connections(0)
    return heard


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        *(pytest.param(sent, 400, id=name) for name, sent in {**REFUSED, **MORE}.items()),
        *(pytest.param(sent, 501, id=name) for name, sent in NOT_IMPLEMENTED.items()),
    ],
)
async def test_it_is_answered_with_an_error_and_the_connection_closes(
    sent: bytes, status: int, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    heard = await heard_after(sent, app)
    assert heard.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in heard
    assert heard.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in app.begun


async def test_a_fault_behind_an_answered_request_costs_that_answer_nothing(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    heard = await heard_after(get("/ok") + REFUSED["a length and chunks"], app)
    assert heard.count(b"HTTP/1.1 200 ") == heard.count(b"HTTP/1.1 400 ") == 1
    assert app.begun == ["/ok"]


async def test_a_fault_in_the_body_of_a_running_request_ends_it_without_a_second_answer(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    chunks = b"transfer-encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n"
    heard = await heard_after(HEAD.replace(b"/echo", b"/early") + chunks, app)
    assert heard.count(b"HTTP/1.1 ") == 1
    assert app.begun == ["/early"]


async def test_a_body_is_what_its_framing_says() -> None:
    async with serving(Bare()) as server:
        client = H1Client(await server.connect())
        chunked = HEAD + b"transfer-encoding: Chunked\r\n\r\n"
        body = b"3;a=b\r\na\r\n\r\n2\r\n\n\0\r\n0;last\r\nx: y\r\n\r\n"
        assert (await client.ask(b"\r\n\r\n" + chunked + body)).body == b"a\r\n\n\0"
        assert (await client.ask(b"\r\n" + post("/echo", b"\r\n\r\n"))).body == b"\r\n\r\n"


# Targets and hosts ------------------------------------------------------------------------------


@http
async def says_where(scope: Scope, receive: Receive, send: Send) -> None:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    where = [*hosts, scope["raw_path"], scope["query_string"], await read_body(receive)]
    await answer(send, b" ".join(where))


@pytest.mark.parametrize(
    ("target", "host", "where"),
    [
        ("/a?b", "test", b"test /a b"),
        ("http://evil.example/a", "test", b"evil.example /a "),
        ("HTTP://evil.example:81/a?b=/c", "test", b"evil.example:81 /a b=/c"),
        ("https://[::1]:8/", "test", b"[::1]:8 / "),
        ("http://evil.example", "test", b"evil.example / "),
        ("http://evil.example?a=/b", "test", b"evil.example / a=/b"),
        ("/a", "", b" /a "),
        ("/a", "[::1]", b"[::1] /a "),
        ("/a", "under_score.example:", b"under_score.example: /a "),
        ("/a", "%65xample", b"%65xample /a "),
    ],
)
async def test_the_host_of_an_absolute_target_counts_more_than_the_field(
    target: str, host: str, where: bytes
) -> None:
    """RFC 9112, section 3.2.2."""
    async with serving(says_where) as server:
        client = H1Client(await server.connect())
        sent = f"GET {target} HTTP/1.1\r\nx: y\r\nhost: {host}\r\n\r\n"
        assert (await client.ask(sent.encode())).body.rstrip() == where.rstrip()


async def test_an_absolute_target_brings_the_host_that_an_old_client_does_not_send() -> None:
    async with serving(says_where) as server:
        client = H1Client(await server.connect())
        answered = await client.ask(b"GET http://old.example/a HTTP/1.0\r\n\r\n")
        assert answered.body == b"old.example /a  "


@pytest.mark.parametrize(
    "host",
    [
        "a b/c@d",
        "a b",
        "a/b",
        "user@a",
        "user:secret@a",
        "a,b",
        "a?b",
        "a#b",
        "a:b",
        "a:80:80",
        "a:123456",
        "[::1",
        "::1",
        "[zz]",
        "[]",
        "%zz",
        "b\u00fccher.example",
        'a"b',
        "a\\b",
        "http://a",
    ],
)
async def test_a_malformed_host_is_a_400(host: str) -> None:
    """Wherever it stands: RFC 9112, section 3.2."""
    app = Bare()
    async with serving(app) as server:
        for sent in (
            f"GET /ok HTTP/1.1\r\nhost: {host}\r\n\r\n",
            f"GET http://test/ok HTTP/1.1\r\nhost: {host}\r\n\r\n",
        ):
            client = H1Client(await server.connect())
            assert (await client.ask(sent.encode())).status == 400
    assert app.begun == []


@pytest.mark.parametrize(
    "target",
    [
        "http://",
        "http:///ok",
        "http://:80/ok",
        "http://user@a/ok",
        "http://a/ok#b",
        "http:/a",
        "ftp://a/ok",
        "a:80",
        "ok",
        "*",
        "//",
    ],
)
async def test_a_target_that_means_nothing_is_a_400(target: str) -> None:
    app = Bare()
    async with serving(app) as server:
        client = H1Client(await server.connect())
        status = (await client.ask(f"GET {target} HTTP/1.1\r\nhost: test\r\n\r\n".encode())).status
    assert status == (200 if target == "//" else 400)


@pytest.mark.parametrize("method", ["get", "Get", "head", "pOST"])
async def test_a_method_in_small_letters_is_one_that_nobody_knows(method: str) -> None:
    """Methods are case-sensitive: RFC 9110, section 9.1."""
    app = Bare()
    async with serving(app) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/ok").replace(b"GET", method.encode()))).status == 501
    assert app.begun == []
