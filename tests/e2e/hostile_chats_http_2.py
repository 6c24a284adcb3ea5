"""Clients that race over HTTP/2, and behave badly or oddly about it, as bytes on a socket.

Each is told apart by what it does; what has to be true afterwards is the same for all of them and
is in `test_hostile_chats.py`. One that is honest, if old-fashioned, also checks its own answer.
"""

from __future__ import annotations

import h2.events
import h2.settings

from tests.e2e.chats import DONE, ENDLESS, Chats, body, start
from tests.serving.harness import H2Client, Stream, read_all

CHATS = Chats("h2")


@CHATS.add()
async def races_on_twenty_streams(stream: Stream) -> None:
    client = H2Client(stream)
    started = [await start(client) for _ in range(20)]
    for stream_id in started:
        assert DONE in (await client.answer(stream_id)).body


@CHATS.add()
async def leaves_with_ten_races_running(stream: Stream) -> None:
    client = H2Client(stream)
    for _ in range(10):
        await start(client, body(ENDLESS))
    await client.until(h2.events.DataReceived)


@CHATS.add()
async def resets_before_the_answer(stream: Stream) -> None:
    client = H2Client(stream)
    for _ in range(10):
        client.h2.reset_stream(await start(client))
    assert DONE in (await client.answer(await start(client))).body


@CHATS.add()
async def resets_in_the_answer(stream: Stream) -> None:
    client = H2Client(stream)
    for _ in range(5):
        stream_id = await start(client, body(ENDLESS))
        await client.until(h2.events.DataReceived, stream_id)
        client.h2.reset_stream(stream_id)
        await client.flush()
    assert DONE in (await client.answer(await start(client))).body


@CHATS.add()
async def resets_in_its_body(stream: Stream) -> None:
    client = H2Client(stream)
    client.h2.reset_stream(await start(client, body()[:10], end=False))
    assert DONE in (await client.answer(await start(client))).body


@CHATS.add()
async def sends_more_behind_its_answer(stream: Stream) -> None:
    client = H2Client(stream)
    stream_id = await start(client, b"{}" + b" " * 100)  # refused at once
    await client.answer(stream_id)
    late = await start(client, body()[:10], end=False)
    client.h2.reset_stream(late)
    assert DONE in (await client.answer(await start(client))).body


@CHATS.add()
async def never_opens_its_window(stream: Stream) -> None:
    client = H2Client(stream)
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    stream_id = await start(client, body(ENDLESS))
    await client.until(h2.events.StreamReset, stream_id)


@CHATS.add(is_cut_off=True)
async def does_not_read_its_ten_races(stream: Stream) -> None:
    client = H2Client(stream)
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    client.h2.increment_flow_control_window(2**31 - 1 - 65_535)
    for _ in range(10):
        await start(client, body(ENDLESS))


@CHATS.add()
async def says_goodbye_in_the_answer(stream: Stream) -> None:
    client = H2Client(stream)
    stream_id = await start(client, body(ENDLESS))
    await client.until(h2.events.DataReceived, stream_id)
    client.h2.close_connection()
    await client.flush()
    await read_all(stream)


@CHATS.add()
async def sends_its_body_in_crumbs_and_trailers(stream: Stream) -> None:
    client = H2Client(stream)
    said = body()
    stream_id = await start(client, said[:1], end=False)
    for byte in said[1:]:
        client.h2.send_data(stream_id, bytes([byte]))
        await client.flush()
    client.h2.send_headers(stream_id, [("x-trailer", "y")], end_stream=True)
    await client.flush()
    assert DONE in (await client.answer(stream_id)).body


@CHATS.add()
async def has_a_mistake_on_every_other_stream(stream: Stream) -> None:
    client = H2Client(stream)
    wrong = [await start(client, b"{") for _ in range(10)]
    right = [await start(client) for _ in range(10)]
    for stream_id in wrong:
        assert (await client.answer(stream_id)).status == 400
    for stream_id in right:
        assert DONE in (await client.answer(stream_id)).body
