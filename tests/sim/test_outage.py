"""An upstream that is down is down on every path, and comes back."""

from __future__ import annotations

import pytest
import trio

from omen.sim import (
    MidstreamError,
    Profile,
    ProfileError,
    Silence,
    SimulatedUpstream,
    Status,
    StreamStats,
    profile_from_line,
)
from tests.sim.asking import QUICK, VERSION, ask, serving
from tests.sim.naive import CHAT_PATH, KINDS, chat, connect, streamed_text

LISTS = {
    "openai": "/v1/models",
    "azure": "/openai/v1/models",
    "xai": "/v1/language-models",
    "anthropic": "/v1/models",
    "ollama": "/api/tags",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_down_it_answers_503_in_its_own_words_to_everything_and_then_is_up_again(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    upstream = serving(kind)
    client = connect(upstream, nursery, stats)
    with upstream.down():
        for method, path in (("GET", LISTS[kind]), ("POST", CHAT_PATH[kind]), ("GET", "/")):
            got = await client.ask(method, path, chat(kind), *VERSION)
            assert (got.status, "error" in got.json) == (503, True)
    assert (await client.ask("GET", LISTS[kind], None, *VERSION)).status == 200
    assert (stats.started, len(stats.requests)) == (0, 4)


async def test_down_it_may_answer_something_else_or_fall_silent(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = serving("openai")
    with upstream.down(Status(1, status=500)):
        assert (await ask(upstream, nursery, "GET", "/v1/models")).status == 500
    with upstream.down(Silence(1)):
        client = connect(upstream, nursery)
        await client.send("GET", "/v1/models")
        got = await client.receive_for(3600)
        assert (got.status, got.body, got.complete) == (200, b"", False)


async def test_a_silent_upstream_lets_go_of_a_client_that_leaves(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    upstream = serving("openai")
    with upstream.down(Silence(1)):
        client = connect(upstream, nursery, stats)
        await client.send("GET", "/v1/models")
        await client.receive_for(1)
        await client.leave()
        await stats.wait_until(lambda stats: stats.connections_open == 0)


async def test_what_is_being_answered_goes_on_through_an_outage(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = serving("openai")
    client = connect(upstream, nursery)
    await client.send_chat("openai")
    await trio.sleep(0.6)
    with upstream.down():
        got = await client.receive()
        assert got.complete
        assert streamed_text("openai", got.body)


def test_outages_nest_and_belong_to_one_upstream() -> None:
    one, other = serving("openai"), serving("openai")
    with one.down(), one.down(Status(1, status=500)):
        assert (one.is_down, other.is_down) == (True, False)
    assert not one.is_down
    assert one == other


@pytest.mark.parametrize("kind", KINDS)
async def test_faults_spare_everything_but_answers_unless_they_are_everywhere(
    kind: str, nursery: trio.Nursery
) -> None:
    for everywhere, status in ((False, 200), (True, 503)):
        profile = Profile(faults=(Status(1, status=503),), everywhere=everywhere)
        upstream = SimulatedUpstream("sim", kind, profile)  # type: ignore[arg-type]
        got = await ask(upstream, nursery, "GET", LISTS[kind], None, *VERSION)
        assert got.status == status


async def test_faults_that_are_everywhere_come_as_often_as_they_say(nursery: trio.Nursery) -> None:
    profile = Profile(faults=(Status(0.5),), everywhere=True)
    client = connect(SimulatedUpstream("sim", "openai", profile), nursery)
    statuses = [(await client.ask("GET", "/v1/models")).status for _ in range(100)]
    assert 30 < statuses.count(500) < 70
    assert statuses.count(200) == 100 - statuses.count(500)


async def test_faults_of_streams_have_no_place_in_a_list(nursery: trio.Nursery) -> None:
    profile = Profile(faults=(MidstreamError(1),), everywhere=True)
    upstream = SimulatedUpstream("sim", "openai", profile)
    assert (await ask(upstream, nursery, "GET", "/v1/models")).status == 200


def test_a_profile_can_be_written_with_it() -> None:
    assert profile_from_line("fast,everywhere=true").everywhere is True
    assert QUICK.everywhere is False
    with pytest.raises(ProfileError, match="everywhere: found 'perhaps'"):
        profile_from_line("everywhere=perhaps")
