"""Names that callers and upstreams choose are short where they are kept, and tables are bounded."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.errors import FailureKind, RequestError, UpstreamFailure
from omen.core.events import AnswerStart
from omen.core.frames import Frame
from omen.core.hints import RaceHints
from omen.core.names import LONGEST_NAME, check_names, is_short, kept_name
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.race_report import race_headers
from omen.providers.shared.error_body import read_body
from omen.race.attempts._decoding import EventDecoder
from omen.race.attempts._learned import MOST_MODELS, LearnedQuirks
from omen.routing import FirstTokens, Health, Outcomes
from omen.routing.observe import endpoint as endpoint_health
from omen.routing.observe import first_tokens, outcomes
from omen.routing.observe.outcomes import WINDOW_SECONDS
from omen.telemetry import RaceLog
from tests.world import open_world, upstream

LONG = "x" * (LONGEST_NAME + 1)
HALF_AS_MANY = "é" * (LONGEST_NAME // 2 + 1)


@pytest.mark.parametrize(
    ("model", "hints", "param"),
    [
        (LONG, {}, "model"),
        (HALF_AS_MANY, {}, "model"),
        (f"m,{LONG}", {}, "model"),
        (",".join(["m"] * 33), {}, "model"),
        ("m", {"strategy": LONG}, "omen.strategy"),
        ("m", {"judge": LONG}, "omen.merge.judge"),
        ("m", {"providers": (LONG,)}, "omen.providers"),
        ("m", {"providers": ("p" * 200,) * 30}, "omen.providers"),
        ("m", {"priority_weights": {LONG: 1.0}}, "omen.priority_weights"),
        ("m", {"tags": {"project": LONG}}, "tags"),
        ("m", {"tags": {LONG: "a"}}, "tags"),
        ("m", {"tags": {str(n): "v" * 200 for n in range(30)}}, "tags"),
    ],
)
def test_a_name_that_is_too_long_is_a_400_that_names_the_field_and_not_the_name(
    model: str, hints: dict[str, Any], param: str
) -> None:
    with pytest.raises(RequestError) as caught:
        check_names(model, RaceHints(**hints))
    assert (caught.value.status, caught.value.param) == (400, param)
    assert len(caught.value.message) < 100


def test_a_name_of_the_longest_length_is_kept_as_it_is_and_a_longer_one_as_its_digest() -> None:
    name = "x" * LONGEST_NAME
    check_names(f"{name},{name}", RaceHints(tags={"project": name}, judge=name))
    assert kept_name(name) == name
    digest = kept_name(LONG)
    assert is_short(digest)
    assert digest == kept_name(LONG) != kept_name(LONG + "x")


async def test_a_gateway_refuses_long_names_and_keeps_the_digest_of_a_long_session(
    autojump_clock: MockClock,
) -> None:
    async with open_world(upstream("a")) as world:
        with pytest.raises(RequestError, match="at most 256 bytes"):
            world.plan(model="a/" + "x" * 100_000)
        race = world.plan(session="s" * 500)
        assert race.hints.session == kept_name("s" * 500)
        assert len(str(race.hints.session)) < 100


def test_no_header_has_a_long_name() -> None:
    candidate = Candidate("p", "openai", "m" * 100_000, Endpoint("http://p.invalid"), "p")
    race = RaceRecord("r", Plan("single", (candidate,)), 0.0)
    race.winner = AttemptRecord(0, candidate, 0.0, first_token_at=0.1)
    assert max(len(value) for _, value in race_headers(race)) <= LONGEST_NAME


def test_what_an_upstream_repeats_in_every_piece_is_short() -> None:
    start = AnswerStart("m" * 10_000, {"system_fingerprint": "f" * 10_000, "service_tier": "t"})

    class Says:
        def feed(self, frame: Frame) -> list[AnswerStart]:
            return [start]

        def end(self) -> list[AnswerStart]:
            return []

    class Reads:
        def feed(self, data: bytes) -> list[Frame]:
            return [Frame(data)]

        def end(self) -> list[Frame]:
            return []

    async def decode() -> list[Any]:
        candidate = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")
        decoding = EventDecoder(Reads(), Says(), candidate)
        decoding.take(b"x")
        events: list[Any] = []
        await decoding.decode(events)
        return events

    assert trio.run(decode) == [AnswerStart(None, {"service_tier": "t"})]


def test_an_error_of_an_upstream_names_nothing_long() -> None:
    body = b'{"error":{"message":"no","param":"%s"},"request_id":"%s"}' % (b"p" * 999, b"r" * 999)
    report = read_body(body)
    assert report is not None
    assert (report.param, report.request_id) == (None, None)


def attempt_at(model: str, failure: UpstreamFailure | None = None) -> tuple[RaceRecord, Any]:
    candidate = Candidate("p", "openai", model, Endpoint("http://p.invalid"), "p")
    race = RaceRecord(f"race-{model}", Plan("single", (candidate,)), trio.current_time())
    race.model = model
    record = AttemptRecord(0, candidate, trio.current_time())
    record.measured, record.failure = True, failure
    record.outcome = "failed"
    race.attempts.append(record)
    return race, record


FAILURE = UpstreamFailure(FailureKind.SERVER_ERROR, "no such model")


def observe(observers: list[Any], names: int) -> None:
    """Let observers see an attempt at each of so many models that nobody has."""
    for number in range(names):
        race, record = attempt_at(f"{number}-{'x' * 240}", FAILURE)
        for moment in ("started", "ended"):
            if moment == "ended":
                record.ended_at = trio.current_time()
            for observer in observers:
                if moment in getattr(observer, "moments", (moment,)):
                    observer(moment, race, record)


async def test_twenty_thousand_models_that_nobody_has_leave_tables_of_a_bounded_size(
    autojump_clock: MockClock,
) -> None:
    tokens, successes, log, learned = FirstTokens(), Outcomes(), RaceLog(), LearnedQuirks()
    observe([tokens, successes, log], 20_000)
    for number in range(20_000):
        _, record = attempt_at(str(number))
        learned.remember(record.candidate, FAILURE)
    assert len(tokens._windows) == first_tokens.MAX_WINDOWS
    assert len(successes._windows) == outcomes.MAX_WINDOWS
    assert len(learned.known) == MOST_MODELS
    assert len(list(log)) == 1000


async def test_the_tables_of_models_that_nobody_has_take_little_memory(
    autojump_clock: MockClock,
) -> None:
    health = Health([("p", "http://p.invalid")])
    tracemalloc.start()
    observe([health, FirstTokens(), Outcomes(), RaceLog()], 1_200)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (endpoint,) = health.of("p")
    assert len(endpoint.models) == endpoint_health.MAX_MODELS
    assert not health._live
    assert not health._chats
    assert after < 10_000_000


async def test_what_nobody_asks_for_any_more_is_forgotten(autojump_clock: MockClock) -> None:
    health = Health([("p", "http://p.invalid")])
    tokens, successes = FirstTokens(), Outcomes()
    failure = UpstreamFailure(FailureKind.SERVER_ERROR, "no")
    for number in range(50):
        race, record = attempt_at(str(number), failure)
        record.ended_at = trio.current_time()
        for observer in (health, tokens, successes):
            if observer is health:
                observer("started", race, record)
            observer("ended", race, record)
    await trio.sleep(2 * endpoint_health.FORGOTTEN_SECONDS)
    race, record = attempt_at("new", failure)
    record.ended_at = trio.current_time()
    health("started", race, record)
    for observer in (health, tokens, successes):
        observer("ended", race, record)
    (endpoint,) = health.of("p")
    assert list(endpoint.models) == ["new"]
    assert len(tokens._windows) == len(successes._windows) == 1
    assert WINDOW_SECONDS < endpoint_health.FORGOTTEN_SECONDS
