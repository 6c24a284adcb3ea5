"""Every HTTP/2 frame that makes work and serves nothing is counted, and nobody honest is."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator

import hpack
import pytest
import trio
import trio.abc
import trio.testing
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.stream import H2Stream
from hyperframe.frame import HeadersFrame, PingFrame, SettingsFrame, WindowUpdateFrame

from omen.serving import _h2_connection
from omen.serving._h2_frames import MAX_FRAME, REQUEST_EARNS, Frames
from omen.serving._h2_sending import FRAMES_AT_ONCE, FRAMES_PER_SECOND
from tests.serving.apps import Bare
from tests.serving.frames_client import FramesClient
from tests.serving.harness import H2Client, MemoryListener, serving
from tests.serving.hostile import PREFACE, START, data, raw, request, reset

POST = {"method": b"POST", "path": b"/echo"}
PING = PingFrame(0, opaque_data=b"12345678").serialize()


def followed(*sent: bytes, piece: int = 10**6) -> tuple[Frames, float]:
    frames, cost, whole = Frames(), 0.0, b"".join(sent)
    for start in range(0, len(whole), piece):
        work = frames.follow(whole[start : start + piece])
        cost += work.cost - REQUEST_EARNS * work.requests
    return frames, cost


# Following --------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 2, 9, 10, 100, 10**6])
def test_frames_are_counted_however_they_are_cut(piece: int) -> None:
    sent = (START, PING, request(1, end=False), data(1, bytes(500)), data(1, b"x"), PING, reset(1))
    _, cost = followed(*sent, piece=piece)
    # The settings of the start, two pings, a small part, a reset.
    assert cost == 1 + 2 + 1 + 1 - REQUEST_EARNS


@pytest.mark.parametrize(
    ("frame", "cost"),
    [
        (raw(0, 0, 0, 1, b""), 1),
        (raw(1, 0, 1, 1, b"x"), 1),
        (raw(255, 0, 0, 1, bytes(255)), 1),
        (raw(256, 0, 0, 1, bytes(256)), 0),
        (raw(256, 0, 8, 1, b"\xff" + bytes(255)), 1),
        (raw(512, 0, 8, 1, b"\xff" + bytes(511)), 0),
        (raw(8, 2, 0, 1, bytes(8)), 1),
        (reset(1), 1),
        (SettingsFrame(0).serialize(), 1),
        (SettingsFrame(0, flags=["ACK"]).serialize(), 1),
        (raw(6 * 2000, 4, 0, 0, bytes(6 * 2000)), 2001),
        (PING, 1),
        (PingFrame(0, flags=["ACK"]).serialize(), 1),
        (raw(8, 7, 0, 0, bytes(8)), 1),
        (WindowUpdateFrame(0, window_increment=1).serialize(), 1),
        (raw(5, 9, 0, 1, bytes(5)), 1),
        (raw(0, 10, 0, 0, b""), 1),
        (raw(0, 0xBE, 0, 0, b""), 1),
        (raw(2048, 0xBE, 0, 0, bytes(2048)), 3),
    ],
)
def test_what_a_frame_costs(frame: bytes, cost: float) -> None:
    assert followed(PREFACE, frame)[1] == cost


def test_only_the_head_of_a_new_request_earns() -> None:
    """Neither its trailers do, nor one more for a stream that is over, nor an older number."""
    assert followed(PREFACE, request(5))[1] == -REQUEST_EARNS
    assert followed(PREFACE, request(5), request(5), request(3))[1] == 2 - REQUEST_EARNS
    assert followed(PREFACE, request(5), request(7))[1] == -2 * REQUEST_EARNS


@pytest.mark.parametrize(
    ("sent", "begun"),
    [
        (b"", False),
        (request(1)[:3], False),
        (request(1)[:4], True),
        (request(1)[:9], True),
        (request(1)[:-1], True),
        (request(1), False),
        (HeadersFrame(1, data=b"\x82").serialize(), True),
        (HeadersFrame(1, data=b"\x82").serialize() + raw(1, 9, 0, 1, b"\x84"), True),
        (HeadersFrame(1, data=b"\x82").serialize() + raw(1, 9, 4, 1, b"\x84"), False),
        (PING[:5], False),
        (data(1)[:12], False),
    ],
)
def test_a_head_that_has_begun_is_seen_before_it_is_whole(sent: bytes, begun: bool) -> None:
    frames, _ = followed(START, sent)
    assert frames.greeted
    assert frames.head_begun == begun


@pytest.mark.parametrize("cut", [0, 1, len(PREFACE) - 1])
def test_half_a_greeting_is_none(cut: int) -> None:
    assert not followed(PREFACE[:cut])[0].greeted


@pytest.mark.parametrize(("length", "too_long"), [(MAX_FRAME, False), (MAX_FRAME + 1, True)])
def test_how_long_a_frame_is_is_known_from_its_head(length: int, too_long: bool) -> None:
    assert followed(START, raw(length, 0, 0, 1, b""))[0].oversized == too_long


# Floods -----------------------------------------------------------------------------------------


def flood(kind: str) -> Iterator[bytes]:
    """Yield frames of a kind, without end; stream 1 is an open request."""
    number = 1
    while True:
        number += 2
        block = hpack.Encoder().encode([(b"x", b"y")])
        yield {
            "empty data": raw(0, 0, 0, 1, b""),
            "data of one byte": data(1, b"x"),
            "data that is all padding": raw(200, 0, 8, 1, bytes([199]) + bytes(199)),
            "data for nobody": raw(0, 0, 0, 3, b""),
            "priorities": raw(5, 2, 0, number, bytes(4) + b"\x10"),
            "resets of nothing": reset(999_999),
            "settings": SettingsFrame(0, settings={3: number}).serialize(),
            "settings nobody knows": raw(6, 4, 0, 0, struct.pack("!HI", 1000 + number, 1)),
            "acknowledged settings": SettingsFrame(0, flags=["ACK"]).serialize(),
            "pings": PING,
            "answered pings": PingFrame(0, flags=["ACK"], opaque_data=bytes(8)).serialize(),
            "windows of the connection": WindowUpdateFrame(0, window_increment=1).serialize(),
            "windows of a stream": WindowUpdateFrame(1, window_increment=1).serialize(),
            "windows of nothing": WindowUpdateFrame(3, window_increment=1).serialize(),
            "heads in many parts": HeadersFrame(number, data=request(number)[9:]).serialize()
            + raw(0, 9, 0, number, b"") * 50
            + raw(0, 9, 4, number, b""),
            "one head without end": raw(1, 1 if number == 3 else 9, 0, 3, b"\x82"),
            "heads of a stream that was reset": raw(len(block), 1, 4, 3, block),
            "unknown frames": raw(0, 0xBE, 0, 1, b""),
            "priority updates": raw(4, 16, 0, 0, bytes(4)),
            "resets": request(number) + reset(number),
            "malformed requests": request(number, path=b"x"),
        }[kind]


KINDS = [
    "empty data",
    "data of one byte",
    "data that is all padding",
    "data for nobody",
    "priorities",
    "resets of nothing",
    "settings",
    "settings nobody knows",
    "acknowledged settings",
    "pings",
    "answered pings",
    "windows of the connection",
    "windows of a stream",
    "windows of nothing",
    "heads in many parts",
    "one head without end",
    "heads of a stream that was reset",
    "unknown frames",
    "priority updates",
    "resets",
    "malformed requests",
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flood_is_told_to_calm_down_whatever_it_is_made_of(
    kind: str, autojump_clock: trio.abc.Clock
) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, end=False, **POST))
        if any(word in kind for word in ("nobody", "nothing", "was reset")):
            await client.send(request(3, path=b"x"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.end)
            sent = 0
            try:
                for frame in flood(kind):
                    await client.send(frame * (1 if "part" in kind or "one head" in kind else 10))
                    sent += 10
                    assert sent < 2 * FRAMES_AT_ONCE
                    if client.goodbyes:
                        break
                    await trio.lowlevel.checkpoint()
            except trio.BrokenResourceError:
                pass
        (goodbye,) = client.goodbyes
        assert goodbye.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        other = H2Client(await server.connect())
        assert (await other.ask("/ok")).body == b"ok"


async def test_one_that_stays_below_the_rate_is_no_flood(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START)
        for _ in range(60):
            await client.send(PING * FRAMES_PER_SECOND)
            await trio.sleep(1)
        await client.send(request(1))
        await client.until(lambda: client.ended(1))
        assert client.goodbyes == []


# What is used of h2 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (H2Connection, "_receive_goaway_frame"),
        (H2Connection, "_receive_priority_frame"),
        (H2Connection, "_get_or_create_stream"),
        (H2Stream, "_track_content_length"),
    ],
)
def test_an_h2_that_has_renamed_what_is_replaced_is_refused_at_the_import(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.reload(_h2_connection)
    monkeypatch.delattr(owner, name)
    with pytest.raises(ImportError, match=name):
        _h2_connection._check_h2()
