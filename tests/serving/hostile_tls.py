"""Hostile connections to a port that speaks TLS: what goes wrong beneath HTTP.

Everything in `hostile.py` is sent inside TLS as well; these are about TLS itself. A case is what a
client does with its raw socket, up to the point where it has said all it will.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.serving.harness import Stream, get, read_until, reset
from tests.serving.hostile import GET_HELD, GET_OK, PREFACE, SECRET, START, request
from tests.serving.tls import NAME, TLSClient, client_context

Play = Callable[[Stream], Awaitable[None]]
CHANGE_CIPHER, ALERT, HANDSHAKE, DATA, HEARTBEAT = range(20, 25)
AN_ALERT = b"\x15\x03"
"""How the record begins that says what was wrong, as long as nothing is encrypted yet."""


@dataclass(frozen=True)
class TLSCase:
    """One hostile connection; `answer` must be in what then comes back on the raw socket."""

    name: str
    play: Play
    answer: bytes = b""


def record(kind: int, body: bytes, *, version: int = 0x0303, length: int | None = None) -> bytes:
    return struct.pack("!BHH", kind, version, len(body) if length is None else length) + body


def hello() -> bytes:
    """The first flight of an honest client, made by OpenSSL."""
    outgoing = ssl.MemoryBIO()
    context = client_context("h2", "http/1.1")
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def says(*pieces: bytes) -> Play:
    """A client that sends this."""

    async def play(stream: Stream) -> None:
        for piece in pieces:
            await stream.send_all(piece)

    return play


def greets(then: Callable[[TLSClient], Awaitable[None]], *protocols: str) -> Play:
    """A client that greets honestly, and is not honest afterwards."""

    async def play(stream: Stream) -> None:
        await then(await TLSClient.greet(stream, *protocols))

    return play


def sends_raw(*pieces: bytes) -> Callable[[TLSClient], Awaitable[None]]:
    """Send this beneath TLS."""

    async def then(client: TLSClient) -> None:
        for piece in pieces:
            await client.raw.send_all(piece)

    return then


async def nothing(client: TLSClient) -> None:
    """Having greeted is all."""


async def resets(client: TLSClient) -> None:
    await reset(client.raw)


async def resets_in_a_response(client: TLSClient) -> None:
    await client.send_all(get("/flood"))
    await client.receive_some()
    await reset(client.raw)


async def says_goodbye(client: TLSClient) -> None:
    await client.say_goodbye()


async def says_goodbye_in_a_response(client: TLSClient) -> None:
    await client.send_all(GET_HELD)
    await client.say_goodbye()


async def asks_and_cuts_the_next_record(client: TLSClient) -> None:
    await client.send_all(GET_OK)
    await read_until(client, b"ok")
    await client.raw.send_all(record(DATA, bytes(10), length=1000))


async def sends_a_false_record(client: TLSClient) -> None:
    await client.send_all(GET_HELD)
    await client.raw.send_all(record(DATA, bytes(100)))


async def greets_in_the_wrong_protocol(client: TLSClient) -> None:
    assert client.protocol == "h2"
    await client.send_all(GET_OK)


async def sends_crumbs(client: TLSClient) -> None:
    for byte in GET_OK:
        await client.send_all(bytes([byte]))
    await read_until(client, b"ok")


async def speaks_h2_unasked(client: TLSClient) -> None:
    assert client.protocol == "http/1.1"
    await client.send_all(START + request(1))


CASES = [
    TLSCase("nothing at all", says()),
    TLSCase("one byte", says(b"\x16")),
    TLSCase("half a record's head", says(b"\x16\x03\x01")),
    TLSCase("half a hello", says(hello()[:100])),
    TLSCase("a hello byte by byte, and then nothing", says(*map(bytes, zip(hello(), strict=True)))),
    TLSCase("a hello and nothing more", says(hello())),
    TLSCase("a hello and a plain request", says(hello(), GET_OK)),
    TLSCase("two hellos", says(hello(), hello())),
    TLSCase("a hello and garbage", says(hello(), SECRET * 100)),
    TLSCase("a hello that is garbage", says(record(HANDSHAKE, SECRET * 20)), AN_ALERT),
    TLSCase("a hello of zeros", says(record(HANDSHAKE, bytes(500))), AN_ALERT),
    TLSCase(
        "a record longer than there is", says(record(HANDSHAKE, SECRET, length=0xFFFF)), AN_ALERT
    ),
    TLSCase("an empty record", says(record(HANDSHAKE, b"")), AN_ALERT),
    TLSCase("a thousand empty records", says(record(HANDSHAKE, b"") * 1000), AN_ALERT),
    TLSCase("a hello in a thousand records", says(record(HANDSHAKE, b"\x01") * 1000)),
    TLSCase(
        "a hello of 16 MiB",
        says(record(HANDSHAKE, b"\x01\xff\xff\xff" + bytes(16_000)) * 99),
        AN_ALERT,
    ),
    TLSCase("a version that never was", says(record(HANDSHAKE, hello()[5:], version=0x0909))),
    TLSCase("SSL 2", says(b"\x80\x2e\x01\x00\x02" + SECRET), b"HTTPS"),
    TLSCase("data before the hello", says(record(DATA, SECRET)), b"HTTPS"),
    TLSCase("an alert before the hello", says(record(ALERT, b"\x02\x28")), b"HTTPS"),
    TLSCase("a hello and a fatal alert", says(hello(), record(ALERT, b"\x02\x28"))),
    TLSCase("a hello and its goodbye", says(hello(), record(ALERT, b"\x01\x00"))),
    TLSCase("ciphers changed 100 times", says(hello(), record(CHANGE_CIPHER, b"\x01") * 100)),
    TLSCase("a heartbeat", says(hello(), record(HEARTBEAT, b"\x01\x40\x00" + SECRET))),
    TLSCase("a plain request", says(GET_OK), b"400"),
    TLSCase("plain HTTP/2", says(PREFACE), b"400"),
    TLSCase("a plain flood", says(*[SECRET * 1000] * 99), b"400"),
    TLSCase("greeting is all", greets(nothing)),
    TLSCase("greeting is all, for HTTP/2", greets(nothing, "h2")),
    TLSCase("a reset after the greeting", greets(resets)),
    TLSCase("a reset in a response", greets(resets_in_a_response)),
    TLSCase("a goodbye after the greeting", greets(says_goodbye)),
    TLSCase("a goodbye while it is served", greets(says_goodbye_in_a_response)),
    TLSCase("plain bytes after the greeting", greets(sends_raw(GET_OK))),
    TLSCase("half a record after the greeting", greets(sends_raw(record(DATA, b"x", length=99)))),
    TLSCase("half a record after an answer", greets(asks_and_cuts_the_next_record)),
    TLSCase("a record nobody sealed", greets(sends_a_false_record)),
    TLSCase("records of a byte", greets(sends_crumbs)),
    TLSCase("a hello after the greeting", greets(sends_raw(hello()))),
    TLSCase("HTTP/1.1 where HTTP/2 was agreed on", greets(greets_in_the_wrong_protocol, "h2")),
    TLSCase("HTTP/2 where HTTP/1.1 was agreed on", greets(speaks_h2_unasked, "http/1.1")),
]
