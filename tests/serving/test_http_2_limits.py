"""HTTP/2 lets a client make much work with little. Here is where that ends, and how it is told."""

from __future__ import annotations

import h2.errors
import h2.events
import h2.settings
import pytest
import trio
import trio.abc
import trio.testing
from hyperframe.frame import HeadersFrame

from omen.serving._h2 import H2, RESETS_AT_ONCE, RESETS_PER_SECOND
from omen.serving._handle import ServerHandle
from tests.serving.apps import Bare
from tests.serving.harness import H2Client, MemoryListener, Stream, get, read_all, serving
from tests.serving.hostile import PREFACE, START, raw, request

Codes = h2.errors.ErrorCodes


async def ended_with(client: H2Client) -> int:
    """Read to the goodbye, and give its reason."""
    await client.until(h2.events.ConnectionTerminated)
    (goodbye,) = client.seen(h2.events.ConnectionTerminated)
    assert isinstance(goodbye, h2.events.ConnectionTerminated)
    assert goodbye.error_code is not None
    return goodbye.error_code


def protocol_of(handle: ServerHandle) -> H2:
    (connection,) = handle._live
    protocol = connection._protocol._protocol  # type: ignore[attr-defined]
    assert isinstance(protocol, H2)
    return protocol


# Streams at once --------------------------------------------------------------------------------


async def test_one_stream_too_many_is_refused_and_the_others_go_on() -> None:
    """Any client may open too many before it has read how many there may be."""
    app = Bare()
    async with serving(app, max_streams=10) as server:
        client = H2Client(await server.connect())
        held = [await client.start("/held") for _ in range(10)]
        late = await client.start("/ok")
        await client.until(h2.events.StreamReset, late)
        (refusal,) = client.seen(h2.events.StreamReset, late)
        assert isinstance(refusal, h2.events.StreamReset)
        assert refusal.error_code == Codes.REFUSED_STREAM
        app.release.set()
        for stream_id in held:
            assert (await client.answer(stream_id)).body == b"held"
        assert (await client.ask("/ok")).body == b"ok"


async def test_the_limit_is_told_in_the_greeting() -> None:
    async with serving(Bare(), max_streams=17) as server:
        client = H2Client(await server.connect())
        await client.flush()
        await client.until(h2.events.RemoteSettingsChanged)
        assert client.h2.remote_settings.max_concurrent_streams == 17


async def test_streams_that_are_answered_and_not_ended_by_their_client_count_too() -> None:
    async with serving(Bare(), max_streams=10) as server:
        client = H2Client(await server.connect())
        early = [await client.start("/early", method="POST", end=False) for _ in range(10)]
        late = await client.start("/ok")
        for stream_id in early:
            await client.answer(stream_id)
        await client.until(h2.events.StreamReset, late)
        client.h2.end_stream(early[0])
        assert (await client.ask("/ok")).body == b"ok"


# Streams that come to nothing -------------------------------------------------------------------


async def test_a_client_that_opens_and_resets_without_end_is_told_to_calm_down(
    autojump_clock: trio.abc.Clock,
) -> None:
    """CVE-2023-44487: what is open stays below any limit, and the work does not."""
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        for _ in range(RESETS_AT_ONCE):
            client.h2.reset_stream(await client.start("/held"))
        assert (await client.ask("/ok")).body == b"ok"
        client.h2.reset_stream(await client.start("/held"))
        await client.flush()
        assert await ended_with(client) == Codes.ENHANCE_YOUR_CALM
        await client.stream.aclose()
        await server.handle.wait_connections(0)
        assert sorted(app.begun) == sorted(app.ended)


async def test_so_is_one_that_has_us_do_the_resetting(autojump_clock: trio.abc.Clock) -> None:
    """CVE-2025-8671: each request is malformed, so each stream is reset by the server."""
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        client.h2.config.validate_outbound_headers = False
        for _ in range(RESETS_AT_ONCE):
            await client.start("no-slash")
        assert (await client.ask("/ok")).body == b"ok"
        await client.start("no-slash")
        assert await ended_with(client) == Codes.ENHANCE_YOUR_CALM


async def test_cancelling_now_and_then_is_fine_for_ever(autojump_clock: trio.abc.Clock) -> None:
    """An editor cancels with every key pressed, and a proxy brings many of them."""
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        for number in range(3 * RESETS_AT_ONCE):
            client.h2.reset_stream(await client.start("/held"))
            await client.flush()
            if number % RESETS_PER_SECOND == 0:
                await trio.sleep(1)
        assert (await client.ask("/ok")).body == b"ok"


# Frames -----------------------------------------------------------------------------------------


async def test_a_frame_longer_than_allowed_is_refused_by_its_head_alone() -> None:
    """Not collected first: 16 MiB for each of 10 000 connections is more than there is."""
    async with serving(Bare()) as server:
        stream = await server.connect()
        client = H2Client(stream)
        await client.flush()
        await stream.send_all(raw(16 * 1024 + 1, 0, 0, 1, b""))
        assert await ended_with(client) == Codes.FRAME_SIZE_ERROR


async def test_one_as_long_as_allowed_is_taken() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/echo", method="POST", end=False)
        client.h2.send_data(stream_id, bytes(16 * 1024), end_stream=True)
        await client.flush()
        assert (await client.answer(stream_id)).body == bytes(16 * 1024)


# Time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM", id="half a greeting"),
        pytest.param(PREFACE + request(1)[:5], id="half the head of a head's frame"),
        pytest.param(PREFACE + request(1)[:-3], id="half a head's frame"),
        pytest.param(
            PREFACE + HeadersFrame(1, data=b"\x82").serialize(), id="a head to be continued"
        ),
    ],
)
async def test_what_is_begun_and_not_gone_on_with_has_the_header_timeout(
    begun: bytes, autojump_clock: trio.abc.Clock
) -> None:
    memory = MemoryListener()
    async with serving(Bare(), memory=memory, header_timeout=30, keep_alive_timeout=300) as server:
        stream = await server.connect()
        began = trio.current_time()
        await stream.send_all(begun)
        await read_all(stream)
        assert trio.current_time() - began == 30


async def test_a_head_in_time_leaves_the_idle_timeout_as_it_was(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Also when it makes no request: a malformed one is reset, and the connection goes on."""
    memory = MemoryListener()
    async with serving(Bare(), memory=memory, header_timeout=30, keep_alive_timeout=300) as server:
        client = H2Client(await server.connect())
        await client.ask("/ok")
        await trio.sleep(100)
        head = request(3, path=b"no-slash")
        await client.stream.send_all(head[:7])
        await trio.sleep(20)
        await client.stream.send_all(head[7:])
        began = trio.current_time()
        assert await ended_with(client) == Codes.NO_ERROR
        assert trio.current_time() - began == 300


@pytest.mark.parametrize("path", ["/flood", "/ok"])
async def test_a_stream_that_its_client_does_not_read_is_given_up_and_the_connection_goes_on(
    path: str, autojump_clock: trio.abc.Clock
) -> None:
    """The socket is read and the window stays shut: only this stream's client is gone."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), write_timeout=30) as server:
        client = H2Client(await server.connect())
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        began = trio.current_time()
        stream_id = await client.start(path)
        await client.until(h2.events.StreamReset, stream_id)
        (reset,) = client.seen(h2.events.StreamReset, stream_id)
        assert isinstance(reset, h2.events.StreamReset)
        assert reset.error_code == Codes.CANCEL
        assert trio.current_time() - began == 30
        await app.until(app.ended, path)
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 65_535})
        await client.flush()
        assert (await client.ask("/ok")).body == b"ok"
        protocol = protocol_of(server.handle)
        assert (protocol.streams, protocol.stream_buffers) == ({}, {})


async def test_one_that_is_read_slowly_is_not(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener(), write_timeout=30) as server:
        client = H2Client(await server.connect())
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        stream_id = await client.start("/ok")
        for _ in range(2):
            await trio.sleep(29)
            client.h2.increment_flow_control_window(1, stream_id)
            await client.flush()
        assert (await client.answer(stream_id)).body == b"ok"


# The same on HTTP/1.1: its limits are in test_idle and test_hostile ------------------------------


def slices(data: bytes) -> tuple[bytes, ...]:
    """Cut so that what is incomplete is always below h11's own limit."""
    return data[: 60 * 1024], data[60 * 1024 :]


@pytest.mark.parametrize(("size", "status"), [(62, b"200"), (70, b"431"), (120, b"431")])
async def test_a_head_of_more_than_64_kib_is_refused_however_it_is_cut(
    size: int, status: bytes
) -> None:
    async with serving(Bare()) as server:
        stream: Stream = await server.connect()
        for piece in slices(get("/ok", "x: " + "y" * (size * 1024))):
            await stream.send_all(piece)
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 " + status)


async def test_all_of_the_greeting_in_one_piece_is_one(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener(), keep_alive_timeout=300) as server:
        stream = await server.connect()
        began = trio.current_time()
        await stream.send_all(START)
        await read_all(stream)
        assert trio.current_time() - began == 300
