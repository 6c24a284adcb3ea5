"""L7: floods of HTTP/2 frames that cost their sender nothing."""

from __future__ import annotations

import struct

import hpack
import trio

from bench._machine import whole_cpu_seconds
from bench.attack._arena import Arena, Gateway, provider
from bench.attack._http import CHAT
from bench.attack._rows import Outcome, attack

_SERVER = "[server]\nport = 0\n[health]\nprobe = false\n"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SECONDS = 3.0
_BYTES_A_SECOND = 2_000_000
_CALM = 0xB
"""ENHANCE_YOUR_CALM (RFC 9113, section 7)."""
_GOAWAY = 7


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def _open_stream() -> bytes:
    fields = {":method": "POST", ":scheme": "http", ":path": CHAT, ":authority": "127.0.0.1"}
    block = hpack.Encoder().encode([*fields.items(), ("content-type", "application/json")])
    return _frame(1, 4, 1, block)


_FLOODS = {
    "PING": _frame(6, 0, 0, bytes(8)),
    "PING answers": _frame(6, 1, 0, bytes(8)),
    "empty DATA": _frame(0, 0, 1),
    "padded DATA": _frame(0, 8, 1, b"\0"),
    "SETTINGS": _frame(4, 0, 0),
    "SETTINGS answers": _frame(4, 1, 0),
    "PRIORITY": _frame(2, 0, 3, bytes(5)),
    "WINDOW_UPDATE": _frame(8, 0, 0, struct.pack(">I", 1)),
    "unknown frames": _frame(0xFA, 0, 0),
}


async def _flood(gateway: Gateway, frame: bytes) -> tuple[float, str]:
    """Flood; return the share of a core, and how it ended."""
    before, began = whole_cpu_seconds(gateway.pid), trio.current_time()
    stream = await trio.open_tcp_stream(gateway.address.host, gateway.address.port)
    received = bytearray()
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(_receive, stream, received, nursery.cancel_scope)
        await stream.send_all(_PREFACE + _frame(4, 0, 0) + _open_stream())
        with trio.move_on_after(_SECONDS):
            await _send(stream, frame)
        nursery.cancel_scope.cancel()
    # The share is of the whole time that was planned: an early end is what is wanted.
    await trio.sleep(max(0.0, _SECONDS - (trio.current_time() - began)) / 4)
    cpu = whole_cpu_seconds(gateway.pid) - before
    return cpu / _SECONDS, _end_of(bytes(received))


async def _send(stream: trio.SocketStream, frame: bytes) -> None:
    pieces = frame * (_BYTES_A_SECOND // 20 // len(frame))
    try:
        while True:
            await stream.send_all(pieces)
            await trio.sleep(0.05)
    except trio.BrokenResourceError:
        await trio.sleep(0.1)  # what was sent to us is read first


async def _receive(stream: trio.SocketStream, into: bytearray, scope: trio.CancelScope) -> None:
    try:
        while data := await stream.receive_some(65536):
            into += data
    except trio.BrokenResourceError:
        pass
    scope.cancel()


def _end_of(data: bytes) -> str:
    """Return the code of the GOAWAY among these frames, in words."""
    at = 0
    while at + 9 <= len(data):
        length, kind = int.from_bytes(data[at : at + 3]), data[at + 3]
        if kind == _GOAWAY and len(data) >= at + 17:
            code = int.from_bytes(data[at + 13 : at + 17])
            return "calm" if code == _CALM else f"GOAWAY {code}"
        at += 9 + length
    return "no GOAWAY"


@attack(
    "L7",
    done=f"HTTP/2 floods of {len(_FLOODS)} kinds of frames at 2 MB/s, each on a keyless connection",
    before="the whole core; RSS 108 → 236 MB; no GOAWAY",
    wanted="≤ 5 % of a core for each, then GOAWAY (ENHANCE_YOUR_CALM); RSS within 20 MB",
)
async def l7(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    figures = {}
    async with arena.gateway(_SERVER + provider("up", upstream.url)) as gateway:
        before = gateway.rss()
        for name, frame in _FLOODS.items():
            figures[name] = await _flood(gateway, frame)
        grown = gateway.rss() - before
    parts = [f"{name} {100 * share:.0f} % {end}" for name, (share, end) in figures.items()]
    met = all(share <= 0.05 and end == "calm" for share, end in figures.values())
    return Outcome(f"{', '.join(parts)}; RSS {grown:+.0f} MB", met and grown <= 20)
