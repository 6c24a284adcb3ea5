"""Clients that race over HTTP/1.1, and behave badly or oddly about it, as bytes on a socket.

Each is told apart by what it does; what has to be true afterwards is the same for all of them and
is in `test_hostile_chats.py`. One that is honest, if old-fashioned, also checks its own answer.
"""

from __future__ import annotations

from contextlib import suppress

import trio

from tests.e2e.chats import DONE, ENDLESS, PATH, Chats, body, chat
from tests.serving.harness import H1Client, Stream, read_all, read_until
from tests.serving.hostile import HANDSHAKE

CHATS = Chats("http/1.1")


@CHATS.add()
async def leaves_at_once(stream: Stream) -> None:
    await stream.send_all(chat())


@CHATS.add()
async def leaves_in_its_head(stream: Stream) -> None:
    await stream.send_all(chat()[:60])


@CHATS.add()
async def leaves_in_its_body(stream: Stream) -> None:
    await stream.send_all(chat()[:-5])


@CHATS.add()
async def leaves_in_a_chunk_of_its_body(stream: Stream) -> None:
    head = chat(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    await stream.send_all(head + b"ff\r\n" + body()[:20])


@CHATS.add()
async def half_closes_behind_its_request(stream: Stream) -> None:
    """Which counts as leaving, as long as no answer has begun and afterwards."""
    await stream.send_all(chat())
    await stream.send_eof()
    assert DONE not in await read_all(stream)


@CHATS.add()
async def half_closes_in_the_answer(stream: Stream) -> None:
    await stream.send_all(chat(body(ENDLESS)))
    await read_until(stream, b"data: ")
    await stream.send_eof()
    assert DONE not in await read_all(stream)


@CHATS.add()
async def leaves_in_the_answer(stream: Stream) -> None:
    await stream.send_all(chat(body(ENDLESS)))
    await read_until(stream, b"data: ")


@CHATS.add()
async def asks_for_the_connection_to_be_closed(stream: Stream) -> None:
    await stream.send_all(chat(None, "connection: close"))
    answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"0\r\n\r\n")
    assert DONE in answer


@CHATS.add()
async def speaks_http_1_0(stream: Stream) -> None:
    await stream.send_all(chat(version="1.0"))
    head, _, answer = (await read_all(stream)).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert answer.rstrip().endswith(DONE)


@CHATS.add()
async def speaks_http_1_0_and_wants_to_stay(stream: Stream) -> None:
    await stream.send_all(chat(None, "connection: keep-alive", version="1.0"))
    assert DONE in await read_all(stream)


@CHATS.add()
async def pipelines_three_races_and_reads_them(stream: Stream) -> None:
    client = H1Client(stream)
    await client.send(chat() * 3)
    for _ in range(3):
        assert DONE in (await client.answer()).body


@CHATS.add()
async def pipelines_and_leaves_in_the_second_answer(stream: Stream) -> None:
    client = H1Client(stream)
    await client.send(chat() + chat(body(ENDLESS)) + chat())
    await client.answer()
    await read_until(stream, b"data: ")


@CHATS.add()
async def pipelines_and_leaves_at_once(stream: Stream) -> None:
    await stream.send_all(chat() * 20)


@CHATS.add()
async def sends_garbage_behind_its_request(stream: Stream) -> None:
    await stream.send_all(chat() + b"\x00garbage\r\n\r\n")
    assert DONE in await read_all(stream)


@CHATS.add()
async def sends_a_megabyte_while_it_is_answered(stream: Stream) -> None:
    await stream.send_all(chat(body(ENDLESS)))
    await read_until(stream, b"data: ")
    with trio.move_on_after(5), suppress(trio.BrokenResourceError):
        await stream.send_all(b"x" * 1_000_000)


@CHATS.add()
async def has_a_body_longer_than_it_says(stream: Stream) -> None:
    await stream.send_all(chat() + b"}\r\n\r\n")
    answer = await read_all(stream)
    assert DONE in answer
    assert b"HTTP/1.1 400" in answer


@CHATS.add()
async def sends_its_body_in_chunks_with_trailers(stream: Stream) -> None:
    said = body()
    head = chat(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in said)
    client = H1Client(stream)
    await client.send(head + chunks + b"0\r\nx-trailer: y\r\n\r\n")
    assert DONE in (await client.answer()).body


@CHATS.add()
async def waits_to_be_told_to_continue(stream: Stream) -> None:
    head, gap, said = chat(None, "expect: 100-continue").partition(b"\r\n\r\n")
    await stream.send_all(head + gap)
    await read_until(stream, b"100 ")
    await stream.send_all(said)
    await read_until(stream, DONE)


@CHATS.add()
async def waits_to_be_told_to_continue_and_then_leaves(stream: Stream) -> None:
    head, gap, _ = chat(None, "expect: 100-continue").partition(b"\r\n\r\n")
    await stream.send_all(head + gap)
    await read_until(stream, b"100 ")


@CHATS.add()
async def sends_crumbs(stream: Stream) -> None:
    for byte in chat(None, "connection: close"):
        await stream.send_all(bytes([byte]))
    assert DONE in await read_all(stream)


@CHATS.add()
async def reads_crumbs_and_leaves(stream: Stream) -> None:
    await stream.send_all(chat(body(ENDLESS)))
    for _ in range(500):
        await stream.receive_some(1)


@CHATS.add(is_cut_off=True)
async def does_not_read_an_endless_answer(stream: Stream) -> None:
    await stream.send_all(chat(body(ENDLESS)))


@CHATS.add()
async def wants_a_websocket_of_the_chat(stream: Stream) -> None:
    head = [f"GET {PATH} HTTP/1.1", "host: localhost", *(header.decode() for header in HANDSHAKE)]
    await stream.send_all("\r\n".join([*head, "", ""]).encode())
    assert b" 101 " not in await stream.receive_some()


@CHATS.add()
async def wants_its_race_upgraded_to_http_2(stream: Stream) -> None:
    upgrade = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk")
    client = H1Client(stream)
    await client.send(chat(None, *upgrade))
    assert DONE in (await client.answer()).body


@CHATS.add()
async def asks_with_every_other_method(stream: Stream) -> None:
    client = H1Client(stream)
    for method in (b"GET", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"):
        told = await client.ask(chat().replace(b"POST", method, 1))
        assert told.status == 405


@CHATS.add()
async def asks_well_after_many_mistakes(stream: Stream) -> None:
    client = H1Client(stream)
    for said in (b"", b"{", b"[]", b'{"model":1}', body(omen={"k": 99}), b"\xff" * 100):
        assert (await client.ask(chat(said))).status == 400
    assert DONE in (await client.ask(chat())).body
