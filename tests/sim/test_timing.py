"""When things leave a simulated upstream, to the digit, in virtual time."""

from __future__ import annotations

import json

import pytest
import trio

from omen.sim import Fixed, LogNormal, Profile, SimulatedUpstream, StreamStats, answer_tokens
from tests.sim.naive import KINDS, connect, frames, streamed_text

EVEN = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=4)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_the_head_and_the_announcement_leave_at_once_and_each_token_when_it_is_due(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client = connect(SimulatedUpstream("sim", kind, EVEN), nursery)
    got = await client.chat(kind)
    assert [time for time, _ in got.arrivals] == [0, 0.5, 0.75, 1.0, 1.25]
    assert [
        json.dumps(word).encode() in raw
        for word, (_, raw) in zip(answer_tokens("sim", 4), got.arrivals[1:], strict=True)
    ] == [True] * 4


async def test_ollama_says_nothing_not_even_its_status_before_the_first_token(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client = connect(SimulatedUpstream("sim", "ollama", EVEN), nursery)
    got = await client.chat("ollama")
    assert [time for time, _ in got.arrivals] == [0.5, 0.75, 1.0, 1.25]
    assert got.arrivals[0][1].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_is_not_streamed_comes_when_its_last_token_would_have(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client = connect(SimulatedUpstream("sim", kind, EVEN), nursery)
    got = await client.chat(kind, stream=False)
    assert [time for time, _ in got.arrivals] == [1.25]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_keeps_the_times_that_were_drawn_for_its_question(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    uneven = Profile(first_token=LogNormal(1.3, 0.7), gap=LogNormal(0.02, 0.5), tokens=30)
    upstream = SimulatedUpstream("sim", kind, uneven, seed=7)
    client = connect(upstream, nursery)
    got = await client.chat(kind, content="why?")
    fate = upstream.fate("why?")
    times = [time for time, raw in got.arrivals][-30:]
    assert times == pytest.approx([fate.time_of(token) for token in range(30)], abs=1e-9)


async def test_tokens_that_are_due_at_once_leave_together_but_not_without_bound(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    burst = Profile(first_token=Fixed(1), gap=Fixed(0), tokens=200)
    client = connect(SimulatedUpstream("sim", "openai", burst), nursery)
    got = await client.chat("openai")
    assert {time for time, _ in got.arrivals} == {0, 1}
    at_once = [raw.count(b'"content":" ') for _, raw in got.arrivals]
    assert sum(at_once) == 199
    assert 64 <= max(at_once) <= 2 * 64  # this reader may find two writes in one read
    assert len(frames("openai", got.body)) == 1 + 200 + 1
    assert got.complete


async def test_a_client_that_reads_late_does_not_move_the_schedule(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    client = connect(SimulatedUpstream("sim", "openai", EVEN), nursery, stats)
    await client.send_chat("openai")
    await trio.sleep(60)
    got = await client.receive()
    assert streamed_text("openai", got.body) == "".join(answer_tokens("sim", 4))
    (record,) = stats.recent
    assert (record.started_at, record.first_token_at, record.ended_at) == (
        client.start,
        client.start + 0.5,
        client.start + 1.25,
    )


async def test_the_clock_of_a_stream_starts_when_its_request_is_there_whole(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client = connect(SimulatedUpstream("sim", "ollama", EVEN), nursery)
    body = b'{"model":"omen-demo","messages":[{"role":"user","content":"x"}]}'
    head = f"POST /api/chat HTTP/1.1\r\nHost: sim\r\nContent-Length: {len(body)}\r\n\r\n"
    await client.stream.send_all(head.encode() + body[:10])
    await trio.sleep(3)
    await client.stream.send_all(body[10:])
    got = await client.receive()
    assert got.arrivals[0][0] == 3.5
