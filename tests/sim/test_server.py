"""Connections: kept alive, misused, abandoned; and several upstreams at once."""

from __future__ import annotations

import pytest
import trio
from openai import OpenAI

from omen.sim import (
    DEFAULT_FLEET,
    DEMO_MODEL,
    Fixed,
    Profile,
    Silence,
    SimulatedUpstream,
    StreamStats,
    answer_text,
    open_fleet,
)
from tests.sim.naive import KINDS, connect, dial, finish, streamed_text

QUICK = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=5)
OPENAI = SimulatedUpstream("sim", "openai", QUICK)


@pytest.mark.parametrize("kind", KINDS)
async def test_one_connection_serves_many_requests_of_all_sorts(
    kind: str, nursery: trio.Nursery
) -> None:
    stats = StreamStats()
    client = connect(SimulatedUpstream("sim", kind, QUICK), nursery, stats)
    for stream in (True, False, True):
        got = await client.chat(kind, stream=stream)
        assert (got.status, got.complete) == (200, True)
        assert (await client.ask("GET", "/nowhere")).status in (400, 404)
    assert stats.connections_accepted == 1


async def test_pipelined_requests_are_answered_in_turn(nursery: trio.Nursery) -> None:
    client = connect(OPENAI, nursery)
    for limit in (1, 2, 3):
        await client.send_chat("openai", max_tokens=limit)
    texts = [streamed_text("openai", (await client.receive()).body) for _ in range(3)]
    assert texts == [answer_text("sim", limit) for limit in (1, 2, 3)]


async def test_a_request_sent_during_an_answer_is_answered_after_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    slow = Profile(first_token=Fixed(1), gap=Fixed(1), tokens=5)
    client = connect(SimulatedUpstream("sim", "openai", slow), nursery)
    await client.send_chat("openai")
    await trio.sleep(2.5)
    await client.send_chat("openai")
    ended = []
    for _ in range(2):
        got = await client.receive()
        assert streamed_text("openai", got.body) == answer_text("sim", 5)
        ended.append(trio.current_time() - client.start)
    assert ended == [5, 10]


async def test_a_client_that_wants_to_close_is_closed_after_its_answer(
    nursery: trio.Nursery,
) -> None:
    client = connect(OPENAI, nursery)
    got = await client.ask("GET", "/v1/models", None, "Connection: close")
    assert got.complete
    assert await client.stream.receive_some() == b""


async def test_an_http_1_0_client_gets_a_body_that_ends_with_the_connection(
    nursery: trio.Nursery,
) -> None:
    client = connect(SimulatedUpstream("sim", "ollama", QUICK), nursery)
    body = b'{"model":"omen-demo","messages":[{"role":"user","content":"x"}]}'
    head = f"POST /api/chat HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    await client.stream.send_all(head + body)
    got = await client.receive()
    assert streamed_text("ollama", got.body) == answer_text("sim", 5)
    assert finish("ollama", got.body) == "stop"


async def test_a_client_that_asks_whether_to_go_on_is_told_so(nursery: trio.Nursery) -> None:
    client = connect(OPENAI, nursery)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    await client.stream.send_all(head.encode() + b"Expect: 100-continue\r\n\r\n")
    assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 100 ")
    await client.stream.send_all(b"{}")
    assert (await client.receive()).status == 400


async def test_a_head_request_gets_no_body(nursery: trio.Nursery) -> None:
    client = connect(SimulatedUpstream("sim", "ollama", QUICK), nursery)
    await client.send("HEAD", "/")
    answer = bytes(await client.stream.receive_some())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /sim/nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
async def test_nonsense_ends_its_own_connection_and_nobody_elses(
    hostile: bytes,
) -> None:
    async with open_fleet([OPENAI]) as (running,):
        async with await dial(running) as bad:
            await bad.stream.send_all(hostile)
            assert (await bad.stream.receive_some()).startswith(b"HTTP/1.1 4")
        async with await dial(running) as good:
            assert (await good.chat("openai")).complete


async def test_a_body_without_measure_is_refused(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omen.sim.connection._MOST_BODY", 1000)
    client = connect(OPENAI, nursery)
    got = await client.ask("POST", "/v1/chat/completions", body=b"x" * 1001)
    assert got.status == 413
    assert await client.stream.receive_some() == b""


async def test_a_peer_that_sends_without_measure_during_an_answer_is_let_go(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    endless = Profile(faults=(Silence(1),))
    client = connect(SimulatedUpstream("sim", "openai", endless), nursery, stats)
    await client.send_chat("openai")
    await client.stream.send_all(b"x" * 2_000_000)
    await stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    assert not (await client.receive()).complete


async def test_a_request_cut_short_is_no_failure_of_the_server() -> None:
    async with open_fleet([OPENAI]) as (running,):
        for cut in (b"", b"POST /v1", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            async with await dial(running) as client:
                await client.stream.send_all(cut)
        await running.stats.wait_until(
            lambda stats: (stats.connections_accepted, stats.connections_open) == (3, 0)
        )


async def test_a_fleet_serves_each_dialect_at_its_own_address_until_the_block_ends() -> None:
    async with open_fleet() as fleet:
        assert [running.kind for running in fleet] == ["openai", "anthropic", "ollama"]
        assert len({running.base_url for running in fleet}) == 3
        for running in fleet:
            assert running.models[0] == DEMO_MODEL
            assert running.stats.started == 0
    with pytest.raises(OSError, match="connect"):
        await dial(fleet[0])


async def test_a_fleet_takes_the_ports_it_is_given_and_free_ones_for_the_rest() -> None:
    async with open_fleet(DEFAULT_FLEET[:1]) as (running,):
        port = int(running.base_url.rpartition(":")[2])
    async with open_fleet(DEFAULT_FLEET[:2], ports=[port]) as fleet:
        assert fleet[0].base_url == f"http://127.0.0.1:{port}"
    with pytest.raises(ValueError, match="2 ports for 1 upstreams"):
        async with open_fleet(DEFAULT_FLEET[:1], ports=[1, 2]):
            pass


async def test_the_openai_sdk_reads_a_simulated_stream() -> None:
    def ask(base_url: str) -> tuple[str, str | None]:
        text, reason = "", None
        with OpenAI(base_url=base_url, api_key="any", max_retries=0) as client:
            assert [model.id for model in client.models.list()] == ["omen-demo"]
            question = [{"role": "user", "content": "hello"}]
            stream = client.chat.completions.create(
                model="omen-demo", messages=question, stream=True
            )
            for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                reason = chunk.choices[0].finish_reason or reason
        return text, reason

    async with open_fleet([OPENAI]) as (running,):
        said = await trio.to_thread.run_sync(ask, f"{running.base_url}/v1")
    assert said == (answer_text("sim", 5), "stop")
