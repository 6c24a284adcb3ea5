"""The transport over real sockets on this machine: what the upstream's kernel sees."""

from __future__ import annotations

import ssl
from contextlib import suppress

import httpx
import pytest
import trio
import trustme

from omen.wire.transport import Transport
from tests.wire.scripted import CHUNKED, OK, Server, chunk, post, read_all
from tests.wire.sockets import HERE, gone, listening


async def ask_url(transport: Transport, url: str) -> bytes:
    return await read_all(await transport.handle_async_request(post(url)))


async def serve_for_ever(server: Server) -> None:
    while True:
        try:
            await server.answer()
        except EOFError:
            return


@pytest.mark.parametrize("tls", [False, True])
async def test_a_losing_stream_reaches_the_upstream_as_a_close(
    tls: bool, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    closed = trio.Event()

    async def handler(server: Server) -> None:
        await server.answer(CHUNKED + chunk(b"data: 1\n\n"))
        with suppress(trio.BrokenResourceError):  # over TLS there was no goodbye
            await server.closed_at()
        closed.set()

    scheme, context = ("https", certified) if tls else ("http", None)
    async with listening(handler, context) as port, Transport(ssl_context=trusting) as transport:
        response = await transport.handle_async_request(post(f"{scheme}://{HERE}:{port}"))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        with trio.CancelScope() as loser:
            async for piece in response.stream:
                assert piece == b"data: 1\n\n"
                loser.cancel()
        with trio.CancelScope(shield=True):
            await response.stream.aclose()
        await closed.wait()
        assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_cancelled_read_may_be_repeated_and_nothing_is_lost(
    tls: bool, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    cancelled = trio.Event()

    async def handler(server: Server) -> None:
        await server.answer(CHUNKED)
        await cancelled.wait()
        await server.stream.send_all(chunk(b"late") + b"0\r\n\r\n")

    scheme, context = ("https", certified) if tls else ("http", None)
    async with listening(handler, context) as port, Transport(ssl_context=trusting) as transport:
        response = await transport.handle_async_request(post(f"{scheme}://{HERE}:{port}"))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = aiter(response.stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(anext, body)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        cancelled.set()
        assert await read_all(response) == b"late"
        assert transport.sockets_idle == 1


@pytest.mark.parametrize("tls", [False, True])
async def test_a_kept_connection_is_used_again(
    tls: bool, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    accepted = []

    async def handler(server: Server) -> None:
        accepted.append(server)
        await serve_for_ever(server)

    scheme, context = ("https", certified) if tls else ("http", None)
    async with listening(handler, context) as port, Transport(ssl_context=trusting) as transport:
        for _ in range(3):
            assert await ask_url(transport, f"{scheme}://{HERE}:{port}") == b"ok"
        assert len(accepted) == 1
        assert repr(transport) == (
            f"<Transport: 0 in use (0 waiting), 1 idle ({scheme}://{HERE}:{port} 1)>"
        )


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_stale_connection_is_noticed_before_anything_is_sent_on_it(
    last_words: bytes,
) -> None:
    kept, left = trio.Event(), trio.Event()
    heard = []

    async def handler(server: Server) -> None:
        is_first = not kept.is_set()
        await server.answer()
        if not is_first:
            return
        await kept.wait()
        assert isinstance(server.stream, trio.SocketStream)
        await server.stream.send_all(last_words)
        await server.stream.send_eof()
        left.set()
        with suppress(trio.BrokenResourceError):  # closed with our last words unread
            heard.append(await server.stream.receive_some())

    async with listening(handler) as port, Transport() as transport:
        assert await ask_url(transport, f"http://{HERE}:{port}") == b"ok"
        assert transport.sockets_idle == 1
        kept.set()
        await left.wait()
        assert await ask_url(transport, f"http://{HERE}:{port}") == b"ok"
    assert heard in ([], [b""])


async def test_a_refusal_of_a_request_that_is_still_being_sent_is_heard() -> None:
    """Whoever closes with something unread resets; what was said before counts all the same."""

    async def refuse(server: Server) -> None:
        await server.read_on(100)
        await server.stream.send_all(OK.replace(b"200 OK", b"413 Too Large"))
        await server.stream.aclose()

    async with listening(refuse) as port, Transport() as transport:
        for _ in range(20):
            request = post(f"http://{HERE}:{port}", b"x" * 8_000_000)
            response = await transport.handle_async_request(request)
            assert (response.status_code, await read_all(response)) == (413, b"ok")
            assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_a_closed_port_is_a_connect_error() -> None:
    with trio.socket.socket() as unused:
        await unused.bind((HERE, 0))
        async with Transport() as transport:
            with pytest.raises(httpx.ConnectError) as raised:
                await ask_url(transport, f"http://{HERE}:{unused.getsockname()[1]}")
    assert isinstance(raised.value.__cause__, OSError)
    assert transport.sockets_in_use == 0


async def test_a_certificate_that_the_system_does_not_trust_is_a_connect_error(
    certified: ssl.SSLContext,
) -> None:
    async def handler(server: Server) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await server.stream.receive_some()

    async with listening(handler, certified) as port, Transport() as transport:
        with pytest.raises(httpx.ConnectError):
            await ask_url(transport, f"https://{HERE}:{port}")
        assert transport.sockets_in_use == 0


async def test_a_certificate_for_another_name_is_a_connect_error(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)  # and not the address

    async def handler(server: Server) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await server.stream.receive_some()

    async with listening(handler, context) as port, Transport(ssl_context=trusting) as transport:
        with pytest.raises(httpx.ConnectError):
            await ask_url(transport, f"https://{HERE}:{port}")


async def test_cancelled_in_the_handshake_the_socket_is_closed() -> None:
    hello, closed = trio.Event(), trio.Event()

    async def mute(server: Server) -> None:
        assert await server.stream.receive_some()
        hello.set()
        assert await server.stream.receive_some() == b""
        closed.set()

    async with listening(mute) as port, Transport() as transport, trio.open_nursery() as nursery:
        nursery.start_soon(ask_url, transport, f"https://{HERE}:{port}")
        await hello.wait()
        assert repr(transport) == "<Transport: 1 in use (0 waiting), 0 idle>"
        nursery.cancel_scope.cancel()
        with trio.fail_after(5, shield=True):
            await closed.wait()
    assert transport.sockets_in_use == 0


async def test_a_handshake_that_takes_too_long_is_a_connect_timeout() -> None:
    async def mute(server: Server) -> None:
        await server.closed_at()

    async with listening(mute) as port, Transport(connect_timeout=0.05) as transport:
        with pytest.raises(httpx.ConnectTimeout):
            await ask_url(transport, f"https://{HERE}:{port}")
        assert transport.sockets_in_use == 0


# Proxies


async def test_a_plain_request_goes_to_the_proxy_in_absolute_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests = []

    async def proxy(server: Server) -> None:
        requests.append(await server.answer())

    async with listening(proxy) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s%40crt@{HERE}:{port}")
        async with Transport() as transport:
            assert await ask_url(transport, "http://upstream.test:8000/v1?x=1") == b"ok"
    lines = requests[0].split(b"\r\n")
    assert lines[:2] == [
        b"POST http://upstream.test:8000/v1?x=1 HTTP/1.1",
        b"Host: upstream.test:8000",
    ]
    assert b"Proxy-Authorization: Basic bWU6c0BjcnQ=" in lines


async def test_a_tls_request_goes_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    asked = []

    async def proxy(server: Server) -> None:
        asked.append(await server.answer(b"HTTP/1.1 200 Connection established\r\n\r\n"))
        inside = trio.SSLStream(server.stream, certified, server_side=True)
        await Server(inside, server.origin).answer()

    async with listening(proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s%40crt@{HERE}:{port}")
        async with Transport(ssl_context=trusting) as transport:
            assert await ask_url(transport, "https://localhost:4433/v1") == b"ok"
    lines = asked[0].split(b"\r\n")
    assert lines[:2] == [b"CONNECT localhost:4433 HTTP/1.1", b"Host: localhost:4433"]
    assert b"Proxy-Authorization: Basic bWU6c0BjcnQ=" in lines


async def test_the_proxy_itself_may_be_reached_over_tls(
    monkeypatch: pytest.MonkeyPatch, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async def proxy(server: Server) -> None:
        await server.answer(b"HTTP/1.1 200 OK\r\n\r\n")
        inside = trio.SSLStream(server.stream, certified, server_side=True)
        await Server(inside, server.origin).answer()

    async with listening(proxy, certified) as port:
        monkeypatch.setenv("ALL_PROXY", f"https://{HERE}:{port}")
        async with Transport(ssl_context=trusting) as transport:
            assert await ask_url(transport, "https://localhost:4433/v1") == b"ok"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 2", b"SOCKS?\r\n"]
)
async def test_a_proxy_that_refuses_is_a_proxy_error_and_its_socket_is_closed(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    closed = trio.Event()

    async def proxy(server: Server) -> None:
        await server.answer(answer)
        if answer == b"HTTP/1.1 2":
            assert isinstance(server.stream, trio.SocketStream)
            await server.stream.send_eof()
        assert await server.stream.receive_some() == b""
        closed.set()

    async with listening(proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HERE}:{port}")
        async with Transport() as transport:
            with pytest.raises(httpx.ProxyError):
                await ask_url(transport, "https://upstream.test")
            await closed.wait()
            assert transport.sockets_in_use == 0


async def test_a_name_that_no_certificate_could_be_about_is_a_connect_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def proxy(server: Server) -> None:
        await server.answer(b"HTTP/1.1 200 OK\r\n\r\n")
        await gone(server)

    async with listening(proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HERE}:{port}")
        async with Transport() as transport:
            for host in (".a.test", "a" * 300 + ".test"):
                with pytest.raises(httpx.ConnectError):
                    await ask_url(transport, f"https://{host}/")
            assert transport.sockets_in_use == 0
