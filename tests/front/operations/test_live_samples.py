"""A sample of the live feed: some races at a time, and moments that are sent together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from omen.accounts.keyring import KeyRing
from omen.front.http.auth import Authenticator
from omen.front.operations.live import LiveRoute
from omen.telemetry import LiveFeed
from tests.front.client import scope, talk
from tests.front.operations.test_live import PATH, Told, listen, moments, publish, race


@pytest.mark.parametrize("races", ["0", "101", "-1", "x", "", "1e2"])
async def test_a_sample_of_another_size_is_refused(
    races: str, autojump_clock: trio.abc.Clock
) -> None:
    route = LiveRoute(LiveFeed(), Authenticator(KeyRing(None)))
    heard = await talk(route, scope(PATH, "GET", query=f"races={races}"))
    assert (heard.status, heard.json["error"]["param"]) == (400, "races")


async def test_a_sample_has_so_many_races_at_a_time(autojump_clock: trio.abc.Clock) -> None:
    first, second, third = (race(name, trio.current_time()) for name in ("r1", "r2", "r3"))
    ended = replace(first.attempts[0], outcome="won")
    told: list[Told] = [
        (1.0, "started", first),
        (1.1, "started", second),
        (1.2, "committed", first),
        (2.0, "ended", replace(first, attempts=[ended])),
        (2.1, "committed", second),
        (2.2, "started", third),
    ]
    heard = await listen(LiveFeed(), told, 5, query="races=1")
    # The place of the first race is free when none of its attempts runs any more.
    assert [(one["request_id"], one["moment"]) for _, one in moments(heard)] == [
        ("r1", "started"),
        ("r1", "committed"),
        ("r1", "ended"),
        ("r2", "committed"),
    ]


async def test_a_sample_begins_with_so_many_races_a_second_however_short_they_are(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Otherwise its cost would grow with the traffic of a busy gateway."""
    told: list[Told] = []
    for number in range(300):
        record = race(f"r{number}", trio.current_time())
        ended = replace(record, attempts=[replace(record.attempts[0], outcome="won")])
        at = 1 + number / 100
        told += [(at, "started", record), (at + 0.005, "ended", ended)]
    heard = moments(await listen(LiveFeed(), told, 5, query="races=2"))
    assert [one["request_id"] for _, one in heard if one["moment"] == "started"] == [
        *("r0", "r1"),
        *("r100", "r101"),
        *("r200", "r201"),
    ]
    assert len(heard) == 12


async def test_a_sample_tells_of_progress_four_times_a_second(
    autojump_clock: trio.abc.Clock,
) -> None:
    record = race("r1", trio.current_time())
    told: list[Told] = [(1 + tick / 10, "progressed", record) for tick in range(10)]
    heard = await listen(LiveFeed(), told, 5, query="races=5")
    assert [round(at, 6) for at, _ in moments(heard)] == [1.1, 1.4, 1.7, 2.0]
    assert len(moments(await listen(LiveFeed(), told, 10))) == 10


async def test_the_moments_of_a_sample_that_happen_together_are_sent_together(
    autojump_clock: trio.abc.Clock,
) -> None:
    records = [race(f"r{number}", trio.current_time()) for number in range(4)]
    told: list[Told] = [(1 + place / 100, "started", one) for place, one in enumerate(records)]
    heard = await listen(LiveFeed(), told, 5, query="races=4")
    assert len(heard.pieces) == 2
    assert [(at, one["request_id"]) for at, one in moments(heard)] == [
        (1.1, f"r{number}") for number in range(4)
    ]


async def test_a_feed_that_closes_ends_a_sample_with_all_its_moments(
    autojump_clock: trio.abc.Clock,
) -> None:
    feed, record = LiveFeed(), race("r1", trio.current_time())
    route = LiveRoute(feed, Authenticator(KeyRing(None)))

    async def close() -> None:
        await publish(feed, [(1, "started", record), (1.05, "ended", record)])
        feed.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(close)
        heard = await talk(route, scope(PATH, "GET", query="races=1"))
    assert [one["moment"] for _, one in moments(heard)] == ["started", "ended"]
    assert heard.ended_at == 1.1
