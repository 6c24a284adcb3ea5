"""The live feed: every race's moments as they happen, for people on this machine only."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import trio

from omen.accounts.keyring import KeyRing
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.front.http.auth import Authenticator
from omen.front.operations.live import LiveRoute
from omen.telemetry import LISTENER_BUFFER, LiveFeed, log_attempts
from tests.front.chunks import data_lines, strict_json
from tests.front.client import GONE, Conversation, scope, talk
from tests.providers.asking import candidate

LISTENING = b": listening\n\n"
PATH = "/omen/races/live"
Told = tuple[float, Moment, RaceRecord]


def race(request_id: str, accepted_at: float) -> RaceRecord:
    record = RaceRecord(f"race-{request_id}", Plan("race", ()), accepted_at, request_id)
    record.attempts.append(AttemptRecord(0, candidate("openai", "m"), accepted_at, tokens=3))
    return record


async def publish(feed: LiveFeed, told: Iterable[Told]) -> None:
    """Tell the feed of moments, each at its time."""
    began = trio.current_time()
    for at, moment, record in told:
        await trio.sleep_until(began + at)
        feed(moment, record, record.attempts[0])


async def listen(
    feed: LiveFeed,
    told: Iterable[Told],
    leaves_at: float,
    *,
    query: str = "",
    pauses: Iterable[tuple[float, float]] = (),
) -> Conversation:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish, feed, told)
        asked = scope(PATH, "GET", query=query)
        heard = await talk(
            LiveRoute(feed, Authenticator(KeyRing(None))),
            asked,
            (leaves_at, GONE),
            pauses=list(pauses),
        )
    assert heard.ended_at == leaves_at
    return heard


def moments(heard: Conversation) -> list[tuple[float, dict[str, Any]]]:
    first, *rest = heard.pieces
    assert first[1] == LISTENING
    return [(at, strict_json(line)) for at, piece in rest for line in data_lines(piece)]


async def test_a_listener_is_told_at_once_that_it_listens(autojump_clock: trio.abc.Clock) -> None:
    heard = await listen(LiveFeed(), [], 5)
    assert (heard.status, heard.started_at, heard.ended_at) == (200, 0.0, 5.0)
    assert heard.headers == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
    assert heard.pieces == [(0.0, LISTENING)]


async def test_every_moment_is_told_when_it_happens(autojump_clock: trio.abc.Clock) -> None:
    record = race("r1", trio.current_time())
    told: list[Told] = [(1, "started", record), (1.5, "progressed", record), (4, "ended", record)]
    heard = await listen(LiveFeed(), told, 5)
    assert [(at, moment["moment"], moment["t_ms"]) for at, moment in moments(heard)] == [
        (1.0, "started", 1000.0),
        (1.5, "progressed", 1500.0),
        (4.0, "ended", 4000.0),
    ]
    assert moments(heard)[0][1] == {
        "race_id": "race-r1",
        "request_id": "r1",
        "moment": "started",
        "attempt": 0,
        "role": "primary",
        "provider": "openai",
        "model": "m",
        "t_ms": 1000.0,
        "tokens": 3,
        "outcome": "running",
        "reason": None,
    }


async def test_a_failed_attempt_is_told_with_its_reason(autojump_clock: trio.abc.Clock) -> None:
    record = race("r1", trio.current_time())
    record.attempts[0] = replace(
        record.attempts[0],
        outcome="failed",
        failure=UpstreamFailure(FailureKind.OVERLOADED, "too busy"),
    )
    ((_, told),) = moments(await listen(LiveFeed(), [(1, "ended", record)], 5))
    assert (told["outcome"], told["reason"]) == ("failed", "too busy")


@pytest.mark.parametrize(
    ("query", "heard_of"),
    [
        ("", ["a b", "r2"]),
        ("request_id=r2", ["r2"]),
        ("request_id=a%20b", ["a b"]),
        ("request_id=a+b", ["a b"]),
        ("request_id=nobody", []),
        ("request_id=R2", []),
    ],
)
async def test_it_can_be_narrowed_to_one_request(
    query: str, heard_of: list[str], autojump_clock: trio.abc.Clock
) -> None:
    told: list[Told] = [(1, "started", race("a b", 0)), (2, "started", race("r2", 0))]
    heard = await listen(LiveFeed(), told, 5, query=query)
    assert [moment["request_id"] for _, moment in moments(heard)] == heard_of


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
async def test_callers_on_this_machine_may_listen(
    address: str, autojump_clock: trio.abc.Clock
) -> None:
    heard = await talk(
        LiveRoute(LiveFeed(), Authenticator(KeyRing(None))),
        scope(PATH, "GET", client=(address, 1)),
        (1, GONE),
    )
    assert heard.status == 200


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        (("192.168.1.5", 1), []),
        (("10.0.0.1", 1), []),
        (("0.0.0.0", 1), []),
        (("8.8.8.8", 1), []),
        (("2001:db8::1", 1), []),
        (("127.0.0.1.example.com", 1), []),
        (("", 1), []),
        (None, []),
        (("127.0.0.1", 1), [("x-forwarded-for", "127.0.0.1")]),
        (("127.0.0.1", 1), [("forwarded", "for=127.0.0.1")]),
        (("127.0.0.1", 1), [("x-real-ip", "")]),
    ],
)
async def test_others_and_whoever_comes_through_a_proxy_may_not(
    client: tuple[str, int] | None,
    headers: list[tuple[str, str]],
    autojump_clock: trio.abc.Clock,
) -> None:
    feed = LiveFeed()
    asked = scope(PATH, "GET", headers=headers, client=client)
    heard = await talk(LiveRoute(feed, Authenticator(KeyRing(None))), asked)
    assert heard.status == 403
    assert heard.error["type"] == "invalid_request_error"
    assert repr(feed) == "<LiveFeed listeners=0>"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_listening_is_a_get(method: str, autojump_clock: trio.abc.Clock) -> None:
    heard = await talk(
        LiveRoute(LiveFeed(), Authenticator(KeyRing(None))), scope(PATH, method), (1, GONE)
    )
    assert heard.status == 405
    assert heard.headers["allow"] == "GET"


async def test_leaving_unsubscribes(autojump_clock: trio.abc.Clock) -> None:
    feed = LiveFeed()
    seen: list[str] = []

    async def look() -> None:
        for _ in range(3):
            seen.append(repr(feed))
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await trio.sleep(1)
        heard = await listen(feed, [], 2)
    assert heard.ended_at == 2.0
    assert seen == [f"<LiveFeed listeners={count}>" for count in (0, 1, 0)]


async def test_leaving_while_a_moment_is_on_its_way_unsubscribes_too(
    autojump_clock: trio.abc.Clock,
) -> None:
    feed = LiveFeed()
    heard = await listen(feed, [(1, "started", race("r1", 0))], 9, pauses=[(0.5, 1000)])
    assert heard.ended_at == 9.0
    assert repr(feed) == "<LiveFeed listeners=0>"


async def test_a_slow_listener_misses_moments_and_makes_nobody_wait(
    autojump_clock: trio.abc.Clock,
) -> None:
    """It reads nothing from 0.5 to 10 s, and more moments happen than are kept for it.

    One is on its way to it by then, and no longer kept.
    """
    feed, slow_races = LiveFeed(), LISTENER_BUFFER + 100
    records = [race(f"r{number}", 0) for number in range(slow_races)]
    told: list[Told] = [(1, "started", record) for record in records]
    quick: list[Conversation] = []

    async def listen_quickly() -> None:
        asked = scope(PATH, "GET", query="request_id=late")
        quick.append(await talk(LiveRoute(feed, Authenticator(KeyRing(None))), asked, (20, GONE)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen_quickly)
        late: Told = (15, "started", race("late", 0))
        heard = await listen(feed, [*told, late], 20, pauses=[(0.5, 10)])
    ids = [moment["request_id"] for _, moment in moments(heard)]
    assert ids == [f"r{number}" for number in range(LISTENER_BUFFER + 1)] + ["late"]
    assert {at for at, _ in moments(heard)} == {10.0, 15.0}
    assert [at for at, _ in moments(quick[0])] == [15.0]


async def test_a_moment_without_listeners_goes_nowhere(autojump_clock: trio.abc.Clock) -> None:
    feed = LiveFeed()
    await trio.sleep(1)
    record = race("r1", 0)
    feed("started", record, record.attempts[0])
    with feed.listen() as heard:
        feed("ended", record, record.attempts[0])
        assert heard.receive_nowait().moment == "ended"
        with pytest.raises(trio.WouldBlock):
            heard.receive_nowait()


async def test_the_log_has_one_line_an_attempt_with_its_kind_of_failure_and_no_text(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    record = race("r1", trio.current_time())
    failed = replace(
        record.attempts[0],
        outcome="failed",
        failure=UpstreamFailure(FailureKind.OVERLOADED, "what the upstream said"),
    )
    await trio.sleep(0.25)
    with caplog.at_level(logging.INFO, "omen.telemetry"):
        for moment in ("started", "progressed", "committed"):
            log_attempts(moment, record, record.attempts[0])
        log_attempts("ended", record, replace(record.attempts[0], outcome="won"))
        log_attempts("ended", record, failed)
    assert caplog.messages == [
        "race race-r1 attempt 0 openai/m: won after 250 ms, 3 tokens",
        "race race-r1 attempt 0 openai/m: failed (overloaded) after 250 ms, 3 tokens",
    ]
