"""What an upstream counts, over real sockets: above all who left, and when."""

from __future__ import annotations

import socket
import struct
import time

import pytest
import trio

from omen.sim import (
    DeadConnection,
    Fixed,
    Profile,
    RunningUpstream,
    SimulatedUpstream,
    StreamStats,
    key_hash,
)
from tests.sim.naive import KINDS, chat, connect, dial, streamed_text

ENDLESS = Profile(first_token=Fixed(0), gap=Fixed(3600), tokens=5)
QUICK = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=5)


async def serve(upstream: SimulatedUpstream, nursery: trio.Nursery) -> RunningUpstream:
    running = await nursery.start(upstream.serve)
    assert isinstance(running, RunningUpstream)
    return running


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_closes_in_the_middle_is_noticed_at_once_and_timed(
    kind: str, nursery: trio.Nursery
) -> None:
    running = await serve(SimulatedUpstream("sim", kind, ENDLESS), nursery)
    async with await dial(running) as client:
        await client.send_chat(kind)
        await client.read_until(b"This")
        closing = trio.current_time()
    await running.stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    (record,) = running.stats.recent
    assert record.ending == "closed_by_peer"
    assert record.tokens_sent == 1
    assert record.started_at <= record.first_token_at <= closing <= record.ended_at
    assert record.ended_at <= trio.current_time()
    assert running.stats.open == 0


async def test_a_half_close_is_leaving(nursery: trio.Nursery) -> None:
    running = await serve(SimulatedUpstream("sim", "openai", ENDLESS), nursery)
    async with await dial(running) as client:
        await client.send_chat("openai")
        await client.read_until(b"This")
        await client.stream.send_eof()
        await running.stats.wait_until(lambda stats: stats.closed_by_peer == 1)
        await running.stats.wait_until(lambda stats: stats.connections_open == 0)


async def test_a_reset_is_leaving(nursery: trio.Nursery) -> None:
    running = await serve(SimulatedUpstream("sim", "openai", ENDLESS), nursery)
    async with await dial(running) as client:
        await client.send_chat("openai")
        await client.read_until(b"This")
        client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await running.stats.wait_until(lambda stats: stats.closed_by_peer == 1)


async def test_a_pipelined_request_does_not_hide_that_its_sender_left(
    nursery: trio.Nursery,
) -> None:
    running = await serve(SimulatedUpstream("sim", "openai", ENDLESS), nursery)
    async with await dial(running) as client:
        await client.send_chat("openai")
        await client.send_chat("openai")
        await client.read_until(b"This")
    await running.stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    assert running.stats.started == 1


async def test_a_client_that_leaves_with_the_last_byte_did_not_leave_early(
    nursery: trio.Nursery,
) -> None:
    running = await serve(SimulatedUpstream("sim", "openai", QUICK), nursery)
    for done in range(1, 21):
        async with await dial(running) as client:
            await client.chat("openai")
        await running.stats.wait_until(lambda stats, done=done: stats.finished == done)
    assert running.stats.closed_by_peer == 0


@pytest.mark.parametrize("reset", [True, False])
async def test_a_dead_connection_is_a_reset_or_a_plain_close_as_its_fault_says(
    reset: bool, nursery: trio.Nursery
) -> None:
    fault = DeadConnection(1, before_head=True, reset=reset)
    profile = Profile(first_token=Fixed(0), faults=(fault,))
    running = await serve(SimulatedUpstream("sim", "openai", profile), nursery)
    async with await dial(running) as client:
        got = await client.chat("openai")
    assert (got.reset, got.head) == (reset, "")


async def test_sim_stats_tells_another_process_everything_in_unix_time(
    nursery: trio.Nursery,
) -> None:
    before = time.time()
    running = await serve(SimulatedUpstream("sim", "ollama", QUICK), nursery)
    async with await dial(running) as client:
        await client.chat("ollama", content="a secret question")
        await running.stats.wait_until(lambda stats: stats.finished == 1)
        got = await client.ask("GET", "/sim/stats")
    told = got.json
    assert (told["name"], told["kind"]) == ("sim", "ollama")
    assert told["connections"] == {"open": 1, "accepted": 1}
    endings = {"finished": 1, "closed_by_peer": 0, "fault": 0, "stopped": 0}
    assert told["streams"] == {"started": 1, "open": 0, **endings}
    assert told["tokens_sent"] == 5
    (stream,) = told["recent"]
    assert stream["key_hash"] == key_hash("a secret question")
    assert b"secret" not in got.body
    assert b"This" not in got.body
    # The two clocks are read one after the other, which may shift the times a little.
    times = [stream[f"{name}_unix"] for name in ("started", "first_token", "ended")]
    in_order = [before - 0.1, *times, time.time() + 0.1]
    assert in_order == sorted(in_order)


async def test_reset_forgets_what_has_ended_and_keeps_what_is_open(nursery: trio.Nursery) -> None:
    running = await serve(SimulatedUpstream("sim", "openai", ENDLESS), nursery)
    stats = running.stats
    async with await dial(running) as gone:
        await gone.send_chat("openai")
        await gone.read_until(b"This")
    await stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    async with await dial(running) as stays:
        await stays.send_chat("openai")
        await stays.read_until(b"This")
        async with await dial(running) as control:
            assert (await control.ask("POST", "/sim/reset")).status == 200
        assert (stats.started, stats.open, stats.closed_by_peer) == (1, 1, 0)
        assert len(stats.recent) == 1
    await stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    assert (stats.started, stats.open) == (1, 0)


async def test_stopping_the_server_ends_what_is_open_as_stopped_and_closes_its_connections() -> (
    None
):
    async with trio.open_nursery() as nursery:
        running = await serve(SimulatedUpstream("sim", "openai", ENDLESS), nursery)
        client = await dial(running)
        await client.send_chat("openai")
        await client.read_until(b"This")
        nursery.cancel_scope.cancel()
    async with client:
        (record,) = running.stats.recent
        assert record.ending == "stopped"
        assert (running.stats.open, running.stats.connections_open) == (0, 0)
        assert await client.stream.receive_some() == b""


async def test_streams_started_are_those_open_and_those_ended(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    upstream = SimulatedUpstream("sim", "openai", ENDLESS)
    clients = [connect(upstream, nursery, stats) for _ in range(3)]
    for client in clients:
        await client.send_chat("openai")
    await stats.wait_until(lambda stats: stats.started == 3)
    await clients[0].leave()
    await stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    got = await clients[1].receive()
    assert streamed_text("openai", got.body)
    assert (stats.started, stats.open, stats.finished, stats.closed_by_peer) == (3, 0, 2, 1)
    assert repr(stats) == (
        "<StreamStats started 3, open 0, finished 2, closed_by_peer 1, fault 0, stopped 0>"
    )


async def test_only_so_many_recent_streams_are_kept_and_all_are_counted(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats(recent=3)
    client = connect(SimulatedUpstream("sim", "openai", QUICK), nursery, stats)
    for number in range(10):
        await client.chat("openai", content=str(number))
    await stats.wait_until(lambda stats: stats.finished == 10)
    assert [record.key_hash for record in stats.recent] == [key_hash(n) for n in "789"]


async def test_requests_that_are_refused_are_no_streams(nursery: trio.Nursery) -> None:
    stats = StreamStats()
    client = connect(SimulatedUpstream("sim", "openai", QUICK), nursery, stats)
    await client.ask("POST", "/v1/chat/completions", chat("openai", model="none"))
    assert (stats.started, stats.to_json()["requests"]) == (0, 1)


async def test_times_are_read_from_the_clock_that_was_given(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats(clock=lambda: 42.0)
    await connect(SimulatedUpstream("sim", "openai", QUICK), nursery, stats).chat("openai")
    await stats.wait_until(lambda stats: stats.finished == 1)
    (record,) = stats.recent
    assert (record.started_at, record.first_token_at, record.ended_at) == (42, 42, 42)
