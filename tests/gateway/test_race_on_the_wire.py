"""One raced request over the real wire formats, in virtual time with exact numbers."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.core.errors import (
    AllAttemptsFailed,
    MaxLatencyExceeded,
    TotalTimeoutExceeded,
    UpstreamFailure,
)
from omen.core.events import AnswerEnd
from omen.sim.faults import (
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    PingsOnly,
    RoleOnly,
    Silence,
    Status,
    Truncated,
    WhitespaceOnly,
)
from tests.world import KINDS, open_world, upstream, whole

FLEET = [
    upstream("slow", "openai", first_token=0.9),
    upstream("fast", "anthropic", first_token=0.3),
    upstream("middle", "ollama", first_token=0.6),
]


async def test_three_wire_formats_race_and_the_client_gets_one_of_them_whole(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET) as world:
        received = await world.ask()
        assert received.winner == "fast"
        assert received.text == whole("fast")
        assert isinstance(received.sent[-1][1], AnswerEnd)
        assert received.outcomes == {"slow": "lost", "fast": "won", "middle": "lost"}
        # Useful with the fourth word, "answering.": 0.3 + 3 * 0.1. The losers went there and then.
        ended = {a.candidate.provider: a.ended_at for a in received.race.attempts}
        assert received.race.winner is not None
        assert received.race.winner.committed_at == pytest.approx(0.6)
        assert ended["slow"] == ended["middle"] == received.race.winner.committed_at
        await wait_all_tasks_blocked()
        for name in ("slow", "middle"):
            assert world.stats[name].closed_by_peer == 1
            assert world.stats[name].recent[0].ended_at == pytest.approx(0.6)
        world.assert_nothing_left()


NOT_USEFUL: list[Fault] = [
    Status(1.0, status=500),
    Status(1.0, status=429),
    Status(1.0, status=401),
    MidstreamError(1.0, after_tokens=2),
    DeadConnection(1.0, after_tokens=0),
    DeadConnection(1.0, after_tokens=2),
    DeadConnection(1.0, before_head=True),
    Truncated(1.0, after_tokens=2),
    Silence(1.0),
    RoleOnly(1.0),
    PingsOnly(1.0, interval=0.05),
    WhitespaceOnly(1.0, interval=0.05),
    WhitespaceOnly(1.0, interval=0.05, proper_end=True),
    ErrorIn200(1.0),
    Empty(1.0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", NOT_USEFUL, ids=repr)
async def test_a_fast_upstream_without_a_useful_answer_never_wins(
    autojump_clock: MockClock, kind: str, fault: Fault
) -> None:
    async with open_world(
        upstream("bad", kind, first_token=0.01, gap=0.01, fault=fault),
        upstream("good", "openai", first_token=5.0),
    ) as world:
        received = await world.ask()
        assert received.winner == "good"
        assert received.text == whole("good")
        assert received.outcomes["bad"] in ("lost", "failed")
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fault",
    [
        MidstreamError(1.0, after_tokens=6),
        DeadConnection(1.0, after_tokens=6),
        Truncated(1.0, after_tokens=6),
    ],
    ids=repr,
)
async def test_a_winner_that_dies_gives_its_prefix_and_one_error_and_no_other_voice(
    autojump_clock: MockClock, kind: str, fault: Fault
) -> None:
    async with open_world(
        upstream("dies", kind, first_token=0.1, fault=fault),
        upstream("other", "openai", first_token=5.0),
    ) as world:
        received = await world.ask()
        assert isinstance(received.error, UpstreamFailure)
        assert received.text == whole("dies", 6)
        assert not any(isinstance(event, AnswerEnd) for _, event in received.sent)
        assert received.outcomes == {"dies": "failed", "other": "lost"}
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


async def test_a_failed_entrant_is_replaced_when_it_fails(autojump_clock: MockClock) -> None:
    async with open_world(
        upstream("broken", fault=Status(1.0, status=500)),
        upstream("slow", first_token=9.0),
        upstream("spare", "ollama", first_token=0.2),
    ) as world:
        received = await world.ask(k=2)
        assert received.winner == "spare"
        assert received.outcomes == {"broken": "failed", "slow": "lost", "spare": "won"}


@pytest.mark.parametrize("fault", [Silence(1.0), RoleOnly(1.0), PingsOnly(1.0, interval=0.25)])
async def test_the_first_token_timeout_heeds_tokens_only(
    autojump_clock: MockClock, fault: Fault
) -> None:
    async with open_world(
        upstream("mute", "anthropic", fault=fault), upstream("next"), first_token_timeout=2.0
    ) as world:
        received = await world.ask(strategy="single")
        first, second = received.race.attempts
        assert (first.outcome, first.ended_at) == ("timed_out", 2.0)
        assert second.started_at == 2.0
        assert received.winner == "next"
        assert first.failure is not None
        assert first.failure.message == "no token within 2 s"


async def test_a_stall_before_the_commit_is_curable_and_after_it_is_told(
    autojump_clock: MockClock,
) -> None:
    async with open_world(
        upstream("stalls", first_token=0.5, gap=7.0), upstream("next"), stall_timeout=3.0
    ) as world:
        received = await world.ask(model="stalls/m,next/m", strategy="single")
        assert received.race.attempts[0].ended_at == 3.5
        assert received.winner == "next"
        received = await world.ask(model="stalls/m,next/m", strategy="single", min_useful_tokens=1)
        assert received.winner == "stalls"
        assert received.error is not None
        assert received.error.message == "stalled for 3 s"
        assert received.text == "This"


async def test_a_slow_client_is_not_taken_for_a_stalled_upstream(
    autojump_clock: MockClock,
) -> None:
    async with open_world(upstream("quick", gap=0.5), stall_timeout=1.0) as world:
        received = await world.ask(slow=5.0)
        assert received.error is None
        assert received.text == whole("quick")


async def test_max_latency_commits_what_is_visible(autojump_clock: MockClock) -> None:
    async with open_world(
        upstream("terse", first_token=0.9), upstream("mute", "ollama", fault=Silence(1.0))
    ) as world:
        received = await world.ask(max_latency=1.0)
        assert received.race.winner is not None
        assert received.race.winner.committed_at == 1.0
        assert received.sent[0][0] == 1.0
        assert received.text == whole("terse")
        assert received.outcomes["mute"] == "lost"


async def test_max_latency_with_nothing_visible_is_a_504_that_names_everybody(
    autojump_clock: MockClock,
) -> None:
    async with open_world(
        upstream("a", first_token=9.0), upstream("b", "anthropic", fault=RoleOnly(1.0))
    ) as world:
        received = await world.ask(max_latency=1.0)
        assert isinstance(received.error, MaxLatencyExceeded)
        assert "a/m: nothing visible yet" in received.error.message
        assert "b/m: nothing visible yet" in received.error.message
        assert received.outcomes == {"a": "timed_out", "b": "timed_out"}
        assert trio.current_time() == 1.0
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


async def test_total_timeout_ends_it_before_and_after_the_commit(
    autojump_clock: MockClock,
) -> None:
    async with open_world(upstream("a", first_token=0.5, gap=1.0)) as world:
        before = await world.ask(total_timeout=0.25)
        assert isinstance(before.error, TotalTimeoutExceeded)
        assert before.sent == []
        assert trio.current_time() == 0.25
        after = await world.ask(total_timeout=5.0)
        assert isinstance(after.error, TotalTimeoutExceeded)
        assert after.text == whole("a", 5)
        assert trio.current_time() == 5.25
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


async def test_when_all_fail_the_status_is_the_most_telling_one(
    autojump_clock: MockClock,
) -> None:
    async with open_world(
        upstream("a", "openai", fault=Status(1.0, status=500)),
        upstream("b", "anthropic", fault=Status(1.0, status=429, retry_after=7.0)),
        upstream("c", "ollama", fault=Silence(1.0)),
        first_token_timeout=2.0,
    ) as world:
        received = await world.ask()
        assert isinstance(received.error, AllAttemptsFailed)
        assert (received.error.status, received.error.retry_after) == (429, 7.0)
        for name in "abc":
            assert f"{name}/m: " in received.error.message


async def test_a_complete_answer_leaves_its_connection_for_the_next_request(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*[upstream(kind, kind) for kind in KINDS]) as world:
        for kind, _ in itertools.product(KINDS, range(3)):
            received = await world.ask(model=f"{kind}/m", strategy="single")
            assert received.text == whole(kind)
        accepted = {name: stats.connections_accepted for name, stats in world.stats.items()}
        assert accepted == dict.fromkeys(KINDS, 1)
        assert world.transport.sockets_idle == 3
