"""Requests that are not fit, as bytes over sockets: each a clear 4xx, and the server goes on."""

from __future__ import annotations

import json

import pytest
import trio

from omen.config import ServerSettings
from tests.e2e.served import Served, open_served
from tests.world import upstream

GOOD = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
SMALL = ServerSettings(max_body_bytes=1000, body_timeout_seconds=0.2)


async def send(served: Served, *pieces: bytes) -> tuple[int, dict[str, object]]:
    """Send bytes; return status and JSON body of the one response."""
    host, port = served.handle.addresses[0]
    async with await trio.open_tcp_stream(host, port) as stream:
        for piece in pieces:
            await stream.send_all(piece)
        received = b""
        async for data in stream:
            received += data
            head, gap, body = received.partition(b"\r\n\r\n")
            if gap and len(body) >= _length(head):
                break
        return int(head.split()[1]), json.loads(body)


def _length(head: bytes) -> int:
    (line,) = [x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")]
    return int(line.partition(b":")[2])


def request(body: bytes, content_type: str = "application/json", **headers: str) -> bytes:
    given = {"host": "localhost", "content-type": content_type, "content-length": str(len(body))}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**given, **headers}.items()]
    return "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, "", ""]).encode() + body


BAD = [
    (request(b'{"model":'), 400, None),
    (request(b""), 400, None),
    (request(b"[]"), 400, None),
    (request(b"\xff\xfe"), 400, None),
    (request(b'{"model":"m","messages":"x"}'), 400, "messages"),
    (request(b'{"model":5,"messages":[{"role":"user","content":"x"}]}'), 400, "model"),
    (request(GOOD[:-1] + b',"omen":{"nope":1}}'), 400, "omen.nope"),
    (request(GOOD[:-1] + b',"omen":{"providers":["nobody"]}}'), 400, "omen.providers"),
    (request(GOOD[:-1] + b',"omen":{"strategy":"nobody"}}'), 400, "omen.strategy"),
    (request(GOOD, "text/plain"), 415, "content-type"),
    (request(GOOD, content_encoding="br"), 415, "content-encoding"),
    (request(GOOD, content_encoding="gzip"), 400, "content-encoding"),
    (request(b" " * 1001), 413, None),
    (request(GOOD, x_omen_k="many"), 400, "x-omen-k"),
]


@pytest.mark.parametrize(("raw", "status", "param"), BAD)
async def test_a_bad_request_is_a_clear_4xx_that_names_the_field(
    raw: bytes, status: int, param: str | None
) -> None:
    async with open_served(upstream("a", first_token=0.0, gap=0.0), server=SMALL) as served:
        got, body = await send(served, raw)
        assert got == status
        error = body["error"]
        assert isinstance(error, dict)
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        assert (await send(served, request(GOOD)))[0] == 200


async def test_a_slow_body_is_a_408() -> None:
    async with open_served(upstream("a", first_token=0.0), server=SMALL) as served:
        got, _ = await send(served, request(GOOD)[:-5])
        assert got == 408
        assert (await send(served, request(GOOD)))[0] == 200


async def test_a_huge_body_is_read_away_so_that_the_client_hears_the_413() -> None:
    async with open_served(upstream("a", first_token=0.0), server=SMALL) as served:
        head = request(b"").replace(b"content-length: 0", b"content-length: 7000")
        got, _ = await send(served, head, *[b" " * 1000] * 7)
        assert got == 413


async def test_a_chunked_body_is_limited_too() -> None:
    async with open_served(upstream("a", first_token=0.0), server=SMALL) as served:
        head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
        got, _ = await send(served, head, *[b"3e8\r\n" + b" " * 1000 + b"\r\n"] * 2, b"0\r\n\r\n")
        assert got == 413
