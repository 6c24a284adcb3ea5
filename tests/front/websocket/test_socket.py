"""Requests over one websocket, in virtual time over a whole world of upstreams."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.sim.faults import DeadConnection, Status
from tests.front.websocket.dialog import Dialog, open_dialog
from tests.world import open_world, upstream, whole

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
SLOW = upstream("slow", "anthropic", first_token=2.0, gap=0.1, tokens=10)


async def test_a_race_is_streamed_in_chunks_and_ends_with_what_it_came_to(
    autojump_clock: MockClock,
) -> None:
    async with open_world(SLOW, FAST) as world, open_dialog(world) as dialog:
        await dialog.ask("a")
        done = await dialog.hear_end("a")
        assert dialog.text("a") == whole("fast")
        assert {f["type"] for _, f in dialog.heard} == {"chunk", "done"}
        assert done["omen"]["winner"] == "fast/m"
        outcomes = {a["provider"]: a["outcome"] for a in done["omen"]["attempts"]}
        assert outcomes == {"slow": "lost", "fast": "won"}
        chunks = [f["chunk"] for f in dialog.of("a", "chunk")]
        assert {c["object"] for c in chunks} == {"chat.completion.chunk"}
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert len({c["id"] for c in chunks}) == 1
    world.assert_nothing_left()


async def test_many_requests_run_side_by_side_and_ids_may_be_numbers(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=10_000) as dialog:
        for number in range(50):
            await dialog.ask(number)
        for number in range(50):
            if not dialog.of(number, "done"):
                await dialog.hear_end(number)
        assert {dialog.text(number) for number in range(50)} == {whole("fast")}
        # All in the time of one.
        assert trio.current_time() == pytest.approx(0.5 + 9 * 0.1)


async def test_who_asks_to_have_it_explained_sees_the_race(autojump_clock: MockClock) -> None:
    async with open_world(SLOW, FAST) as world, open_dialog(world) as dialog:
        await dialog.ask("a", omen={"strategy": "race", "k": 2, "explain": True})
        await dialog.hear_end("a")
    events = [f["event"] for f in dialog.of("a", "event")]
    seen = [(e["kind"], e["provider"], e["t_ms"]) for e in events]
    assert sorted(seen[:2]) == [("started", "fast", 0.0), ("started", "slow", 0.0)]
    assert seen[2:] == [("committed", "fast", 800.0), ("lost", "slow", 800.0)]
    kinds = [f["type"] for _, f in dialog.heard]
    assert kinds.index("chunk") > kinds.index("event")
    first_chunk = kinds.index("chunk")
    assert [f["event"]["kind"] for _, f in dialog.heard[:first_chunk]][-1] == "committed"


async def test_a_hedge_is_seen_as_one(autojump_clock: MockClock) -> None:
    omen = {"strategy": "speculate_k", "k": 2, "hedge_delay_ms": 1000, "explain": True}
    async with open_world(SLOW, FAST) as world, open_dialog(world) as dialog:
        await dialog.ask("a", omen=omen)
        await dialog.hear_end("a")
    started = [f["event"] for f in dialog.of("a", "event") if f["event"]["kind"] == "started"]
    assert [(e["provider"], e["role"], e["t_ms"]) for e in started] == [
        ("slow", "primary", 0.0),
        ("fast", "hedge", 1000.0),
    ]


@pytest.mark.parametrize("after", [0.0, 0.3, 0.95, 1.2])
async def test_a_cancelled_request_ends_with_an_error_and_its_upstreams_are_closed(
    autojump_clock: MockClock, after: float
) -> None:
    async with open_world(SLOW, FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.ask("a")
        await dialog.ask("b")
        await trio.sleep(after)
        await dialog.say(type="cancel", id="a")
        await dialog.hear_end("a")
        assert trio.current_time() == after
        (end,) = dialog.of("a", "error")
        assert (end["error"]["code"], end["error"]["status"]) == ("cancelled", 499)
        assert whole("fast").startswith(dialog.text("a"))
        await dialog.hear_end("b")
        assert dialog.text("b") == whole("fast")
        assert dialog.of("a", "done") == []
    mine = [row for race, row in world.rows if race.client_left_at is not None]
    assert all(row.outcome in ("client_cancelled", "lost") for row in mine)
    assert len(mine) == 2
    world.assert_nothing_left()


async def test_a_cancel_that_comes_too_late_is_nothing(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.ask("a")
        await dialog.hear_end("a")
        await dialog.say(type="cancel", id="a")
        await dialog.say(type="cancel", id="never was")
        await dialog.say(type="ping")
        assert await dialog.hear() == {"type": "pong"}


async def test_an_id_may_be_used_again_as_soon_as_its_request_has_ended(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_dialog(world) as dialog:
        for _ in range(3):
            await dialog.ask("a")
            await dialog.hear_end("a")
    assert len(dialog.of("a", "done")) == 3


async def test_two_requests_of_one_id_are_one_too_many(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.ask("a")
        await dialog.ask("a")
        refused = await dialog.hear()
        assert (refused["id"], refused["error"]["code"]) == (None, "duplicate_id")
        await dialog.hear_end("a")
        assert dialog.text("a") == whole("fast")


@pytest.mark.parametrize("leave_at", [0.0, 0.3, 0.95, 1.2])
async def test_a_client_that_vanishes_takes_its_requests_with_it(
    autojump_clock: MockClock, leave_at: float
) -> None:
    async with open_world(SLOW, FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.ask("a")
        await dialog.ask("b")
        await trio.sleep(leave_at)
        await dialog.leave()
        await wait_all_tasks_blocked()
        world.assert_nothing_left()
        outcomes = {row.outcome for _, row in world.rows}
        assert outcomes <= {"client_cancelled", "lost"}
        assert "client_cancelled" in outcomes


async def test_chunks_wait_for_credit_and_the_upstream_with_them(
    autojump_clock: MockClock,
) -> None:
    endless = upstream("endless", first_token=0.0, gap=0.0, tokens=50_000)
    async with open_world(endless) as world, open_dialog(world, buffer=100_000) as dialog:
        await dialog.say(type="request", id="a", window=3, body={**_body(), "model": "m"})
        await trio.sleep(100)
        assert len(world.gateway.attempts.live) == 1
        await _hear_all(dialog)
        assert len(dialog.of("a", "chunk")) == 3
        await dialog.say(type="credit", id="a", chunks=4)
        await trio.sleep(1)
        await _hear_all(dialog)
        assert len(dialog.of("a", "chunk")) == 7
        await dialog.say(type="cancel", id="a")
        await dialog.hear_end("a")
    world.assert_nothing_left()


async def test_credit_may_come_before_the_race_has_begun(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.say(type="request", id="a", window=1, body=_body())
        await dialog.say(type="credit", id="a", chunks=1000)
        await dialog.hear_end("a")
        assert dialog.text("a") == whole("fast")


async def test_one_request_that_is_not_read_holds_up_no_other(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=10_000) as dialog:
        await dialog.say(type="request", id="unread", window=1, body=_body())
        for number in range(200):
            await dialog.say(type="request", id=number, window=1000, body=_body())
        for number in range(200):
            if not dialog.of(number, "done"):
                await dialog.hear_end(number)
        assert trio.current_time() == pytest.approx(0.5 + 9 * 0.1)
        assert len(dialog.of("unread", "chunk")) == 1


async def test_a_client_that_reads_nothing_has_its_upstreams_wait(
    autojump_clock: MockClock,
) -> None:
    """Nothing is stored for it: each request has one frame that waits for its turn."""
    async with open_world(FAST) as world, open_dialog(world, buffer=2) as dialog:
        for number in range(10):
            await dialog.ask(number)
        await trio.sleep(100)
        assert dialog.from_server.statistics().current_buffer_used == 2
        assert len(world.gateway.attempts.live) == 10
        for number in range(10):
            if not dialog.of(number, "done"):
                await dialog.hear_end(number)
        assert {dialog.text(number) for number in range(10)} == {whole("fast")}


async def test_more_requests_at_once_than_a_socket_may_have_are_refused(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_dialog(world, requests=2, buffer=1000) as dialog:
        for name in "abc":
            await dialog.ask(name)
        refused = await dialog.hear_end("c")
        assert refused["error"]["code"] == "too_many_requests"
        await dialog.hear_end("a")
        await dialog.ask("d")
        await dialog.hear_end("d")


async def test_a_restart_is_an_event(autojump_clock: MockClock) -> None:
    dying = upstream(
        "dying", first_token=0.1, gap=0.1, tokens=20, fault=DeadConnection(1.0, after_tokens=8)
    )
    async with open_world(dying, SLOW) as world, open_dialog(world) as dialog:
        await dialog.ask("a", omen={"strategy": "single", "on_failure": "restart"})
        done = await dialog.hear_end("a")
    (restart,) = dialog.of("a", "event")
    assert restart["event"] == {"kind": "restart"}
    frames = [f for _, f in dialog.heard]
    since = frames[frames.index(restart) :]
    text = "".join(
        choice["delta"].get("content") or ""
        for frame in since
        if frame["type"] == "chunk"
        for choice in frame["chunk"]["choices"]
    )
    assert text == whole("slow")
    assert done["omen"]["winner"] == "slow/m"


async def test_usage_comes_to_who_asks_for_it(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world) as dialog:
        await dialog.ask("a")
        await dialog.hear_end("a")
        await dialog.ask("b", stream_options={"include_usage": True}, stream=True)
        await dialog.hear_end("b")
    assert all("usage" not in f["chunk"] for f in dialog.of("a", "chunk"))
    assert dialog.of("b", "chunk")[-1]["chunk"]["usage"]["completion_tokens"] > 0


async def test_hints_in_the_handshakes_headers_hold_for_every_request(
    autojump_clock: MockClock,
) -> None:
    headers = [("x-omen-strategy", "race"), ("x-omen-k", "2")]
    async with open_world(SLOW, FAST) as world, open_dialog(world, headers=headers) as dialog:
        await dialog.ask("a", omen=None)
        done = await dialog.hear_end("a")
    assert done["omen"]["strategy"] == "race"
    assert len(done["omen"]["attempts"]) == 2


async def test_when_all_fail_the_error_says_what_a_status_would_have(
    autojump_clock: MockClock,
) -> None:
    broken = upstream("broken", fault=Status(1.0, status=429))
    async with open_world(broken) as world, open_dialog(world) as dialog:
        await dialog.ask("a")
        end = await dialog.hear_end("a")
    assert end["error"]["status"] == 429
    assert "broken/m" in end["error"]["message"]


async def test_when_omen_stops_running_requests_end_and_the_socket_closes(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.ask("a")
        await trio.sleep(0.2)
        dialog.shutdown.set()
        await wait_all_tasks_blocked()
        await dialog.ask("b")
        assert (await dialog.hear_end("b"))["error"]["code"] == "shutting_down"
        await dialog.hear_end("a")
        assert dialog.text("a") == whole("fast")
        assert await dialog.hear() == {}
        assert dialog.closed == (1001, "OMEN is about to stop")


async def test_an_idle_socket_closes_at_once_when_omen_stops(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world) as dialog:
        dialog.shutdown.set()
        assert await dialog.hear() == {}
        assert dialog.closed == (1001, "OMEN is about to stop")
        assert trio.current_time() == 0.0


async def test_nothing_is_said_on_a_socket_that_was_closed(autojump_clock: MockClock) -> None:
    """The requests that wait for their turn to write hear that it is over when it is theirs."""
    async with open_world(FAST) as world, open_dialog(world, buffer=2) as dialog:
        for number in range(5):
            await dialog.ask(number)
        await trio.sleep(5)
        await dialog.to_server.send({"type": "websocket.receive", "text": None, "bytes": b"x"})
        await wait_all_tasks_blocked()
        while dialog.closed is None:
            await dialog.hear()
        await wait_all_tasks_blocked()
        assert dialog.from_server.statistics().current_buffer_used == 0
    world.assert_nothing_left()


def _body() -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


async def _hear_all(dialog: Dialog) -> None:
    await wait_all_tasks_blocked()
    while dialog.from_server.statistics().current_buffer_used:
        await dialog.hear()
