"""A failure ends the connection it happened in, and is logged once without what was said."""

from __future__ import annotations

import logging

import h2.errors
import h2.events
import pytest
import trio
import trio.abc

from omen.serving import Receive, Scope, Send
from omen.serving._h1 import H1
from omen.serving._h2 import H2
from tests.serving.apps import Bare, http
from tests.serving.harness import (
    H1Client,
    H2Client,
    MemoryListener,
    get,
    post,
    read_all,
    read_until,
    serving,
)

SECRET = "the-prompt-itself"


class Trouble(Exception):
    """Raised where no code expects it."""


@pytest.mark.parametrize("kind", [Trouble, KeyError, UnicodeError, RecursionError, AssertionError])
async def test_any_exception_in_a_protocol_ends_that_connection_only(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise kind(SECRET)

    app = Bare()
    async with serving(app) as server:
        bystander = H1Client(await server.connect())
        await bystander.send(get("/held"))
        await app.until(app.begun, "/held")
        with monkeypatch.context() as patch:
            patch.setattr(H1, "_begin", fail)
            patch.setattr(H2, "_create_stream", fail)
            one = await server.connect()
            await one.send_all(get("/ok"))
            assert await read_all(one) == b""
            two = H2Client(await server.connect())
            await two.start("/ok")
            await read_all(two.stream)
        assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"
        app.release.set()
        assert (await bystander.answer()).body == b"held"
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    for record in caplog.records:
        assert f"{kind.__name__} at tests/serving/test_containment.py:" in record.getMessage()
    assert SECRET not in caplog.text


async def test_the_other_requests_of_that_connection_are_cancelled_not_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object) -> None:
        raise Trouble

    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        for _ in range(3):
            await client.start("/deaf")
        await app.until(app.begun, "/deaf", 3)
        monkeypatch.setattr(H2, "_receive_body", fail)
        stream_id = await client.start("/echo", method="POST", end=False)
        client.h2.send_data(stream_id, b"x")
        await client.flush()
        await server.handle.wait_connections(0)
        assert app.ended.count("/deaf") == 3


async def test_a_handler_that_fails_before_its_response_is_answered_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(Bare()) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/fail"))).status == 500
        two = H2Client(await server.connect())
        assert (await two.ask("/fail")).status == 500
        assert (await two.ask("/ok")).status == 200
    assert len(caplog.records) == 2
    for record in caplog.records:
        assert record.getMessage().startswith("http handler failed: RuntimeError at tests/serving/")
    assert "prompt" not in caplog.text


async def test_one_that_fails_later_breaks_its_response_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without the last chunk, so that nobody takes it for complete."""
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(get("/fail-late"))
        assert (await read_all(stream)).endswith(b"4\r\nhalf\r\n")
    assert len(caplog.records) == 1
    assert "answer" not in caplog.text


async def test_on_http_2_the_stream_is_reset_and_the_connection_goes_on() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/fail-late")
        await client.until(h2.events.StreamReset, stream_id)
        (reset,) = client.seen(h2.events.StreamReset, stream_id)
        assert isinstance(reset, h2.events.StreamReset)
        assert reset.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        (data,) = client.seen(h2.events.DataReceived, stream_id)
        assert isinstance(data, h2.events.DataReceived)
        assert data.data == b"half"
        assert (await client.ask("/ok")).body == b"ok"


async def test_a_handler_that_ends_without_an_answer_is_answered_for() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.lowlevel.checkpoint()

    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).status == 500
        assert (await H2Client(await server.connect()).ask("/")).status == 500


@pytest.mark.parametrize(
    ("headers", "bodies"),
    [
        ([(b"content-length", b"1")], [b"too much"]),
        ([(b"content-length", b"9")], [b"few"]),
        ([(b"bad name", b"x")], [b"x"]),
        ([(b"x", b"line\r\nend")], [b"x"]),
        ([(b":status", b"200")], [b"x"]),
        ([(b"content-length", b"1"), (b"content-length", b"2")], [b"x"]),
    ],
)
async def test_a_handler_that_breaks_the_rules_costs_its_connection_at_most(
    headers: list[tuple[bytes, bytes]], bodies: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for body in bodies:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body"})
        else:
            await Bare().ok("/ok", receive, send)

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/"))
        await read_all(stream)
        assert len(caplog.records) == 1
        assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"


async def test_a_message_that_makes_no_sense_is_the_handlers_failure() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": b"too early"})

    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).status == 500


async def test_a_group_of_failures_is_named_by_all_its_kinds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(error: Exception) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()
        raise error

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, KeyError(SECRET))
            nursery.start_soon(fail, ValueError(SECRET))

    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).status == 500
    (record,) = caplog.records
    assert "KeyError at " in record.getMessage()
    assert "ValueError at " in record.getMessage()
    assert SECRET not in caplog.text


async def test_what_a_client_still_sends_after_the_last_answer_is_taken_for_a_while(
    autojump_clock: trio.abc.Clock,
) -> None:
    """To close with unread bytes would be a reset, and may destroy the answer on its way."""
    async with serving(Bare(), memory=MemoryListener(), linger=2) as server:
        stream = await server.connect()
        await stream.send_all(post("/early", b"half of it")[:-4])
        assert (await read_all(stream)).endswith(b"early")
        await trio.sleep(1.5)
        await stream.send_all(b"f it")
        await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")


async def test_a_handler_that_answers_early_is_heard_though_the_body_is_still_coming() -> None:
    """413 and its like: the answer must not be destroyed by a reset for what was not read."""
    async with serving(Bare()) as server:
        for _ in range(5):
            stream = await server.connect()
            await stream.send_all(
                b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n"
            )
            await stream.send_all(bytes(300_000))
            assert (await read_until(stream, b"early")).endswith(b"early")
            await stream.aclose()
        await server.handle.wait_connections(0)
