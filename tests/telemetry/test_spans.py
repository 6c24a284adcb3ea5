"""Each request is a SERVER span, and each attempt a CLIENT span below it.

They have the names of the conventions, the times of the records, and no part of a prompt or answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from trio.testing import MockClock

from omen.config import ServerSettings
from omen.config.settings import Price
from omen.front.app import make_app
from omen.sim.faults import Status, Truncated
from tests.front.asking import body
from tests.front.client import piece, scope, talk
from tests.telemetry.otlp import Span
from tests.telemetry.spanning import CALLER, PARENT, SECOND, TRACE, tracing
from tests.world import open_world, upstream, whole

QUICK = upstream("quick", first_token=0.5, gap=0.1, tokens=10)
SLOW = upstream("slow", "anthropic", first_token=2.0, gap=0.1, tokens=10)
BROKEN = upstream("broken", "ollama", fault=Status(1.0, 503))
DYING = upstream(
    "dying", first_token=0.5, gap=0.1, tokens=30, fault=Truncated(1.0, after_tokens=20)
)
PROMPT = "a secret prompt"
RACE: dict[str, Any] = {"model": "quick/m,slow/m", "omen": {"strategy": "race", "k": 2}}


async def ask(
    monkeypatch: pytest.MonkeyPatch,
    *upstreams: Any,
    path: str = "/v1/chat/completions",
    headers: Any = (("traceparent", PARENT),),
    method: str = "POST",
    **fields: Any,
) -> list[Span]:
    """Ask once; return the span of the request, and those of attempts in the order of upstreams."""
    asked = body(messages=[{"role": "user", "content": PROMPT}], **fields)
    with tracing(monkeypatch) as traced:
        price = Price(input=Decimal(1), output=Decimal(2))
        async with open_world(*upstreams, price=price, spans=traced.spans) as world:
            app = make_app(world.gateway, world.feed, ServerSettings())
            await talk(app, scope(path, method, headers), (0, piece(asked)))
        spans = traced.received()
        for received in traced.receiver.bodies:
            assert PROMPT.encode() not in received
            for one in upstreams:
                assert whole(one.name).encode()[:20] not in received
    order = [None, *(one.name for one in upstreams)]
    return sorted(
        spans,
        key=lambda span: order.index(
            None if span.kind == "SERVER" else span.attributes["omen.provider"]
        ),
    )


async def test_a_request_and_its_attempts_are_one_trace_below_the_caller(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, *attempts = await ask(monkeypatch, QUICK, SLOW, **RACE)
    assert (request.kind, request.name) == ("SERVER", "POST /v1/chat/completions")
    assert (request.trace, request.parent) == (TRACE, CALLER)
    assert [(span.kind, span.name) for span in attempts] == [("CLIENT", "chat m")] * 2
    assert {(span.trace, span.parent) for span in attempts} == {(TRACE, request.id)}
    assert len({request.id, *(span.id for span in attempts)}) == 3
    assert {span.service for span in (request, *attempts)} == {"omen"}


async def test_a_request_without_a_context_begins_a_trace_of_its_own(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, attempt = await ask(monkeypatch, QUICK, headers=())
    assert (request.parent, attempt.parent) == ("", request.id)
    assert request.trace == attempt.trace != TRACE


async def test_the_attempt_that_won_has_the_attributes_of_the_conventions(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, won, _ = await ask(monkeypatch, QUICK, SLOW, **RACE)
    reported = {
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "gen_ai.usage.output_tokens": 10,
    }
    race = won.attributes.pop("omen.race.id")
    # Which entrant of a race starts first is the scheduler's choice.
    assert won.attributes.pop("omen.attempt.index") in (0, 1)
    assert won.attributes.pop("omen.attempt.role") in ("primary", "entrant")
    assert won.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": True,
        **reported,
        "server.address": "quick",
        "server.port": 80,
        "omen.provider": "quick",
        "omen.outcome": "won",
        "omen.cost_usd": pytest.approx(5e-6 + 20e-6),
    }
    assert won.status == "unset"
    assert request.attributes.pop("omen.request.id").startswith("req_")
    assert request.attributes.pop("omen.cost_usd") > 25e-6
    assert request.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": RACE["model"],
        **reported,
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "http.response.status_code": 200,
        "omen.attempts": 2,
        "omen.cached": False,
        "omen.door": "chat",
        "omen.provider": "quick",
        "omen.race.id": race,
        "omen.result": "answered",
        "omen.strategy": "race",
    }
    assert request.status == "unset"


async def test_spans_and_their_events_have_the_times_of_the_race(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, won, lost = await ask(monkeypatch, QUICK, SLOW, **RACE)

    def seconds(at: int) -> float:
        return round((at - request.began) / SECOND, 3)

    first = seconds(won.event("omen.first_token").at)
    commit = seconds(won.event("omen.commit").at)
    assert (seconds(won.began), first) == (0.0, 0.5)
    assert 0.5 < commit < 1.4
    assert seconds(won.ended) == 1.4
    assert (seconds(lost.began), seconds(lost.ended), lost.events) == (0.0, commit, [])
    assert seconds(request.event("omen.commit").at) == commit
    assert request.event("omen.commit").attributes["omen.provider"] == "quick"


async def test_a_lost_attempt_is_marked_and_is_no_error(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    _, _, lost = await ask(monkeypatch, QUICK, SLOW, **RACE)
    assert (lost.attributes["omen.outcome"], lost.attributes["omen.cut"]) == ("lost", "lost")
    assert lost.attributes["omen.provider"] == "slow"
    assert (lost.status, "error.type" in lost.attributes) == ("unset", False)


async def test_a_failed_attempt_has_its_type_of_error_and_the_upstreams_status(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, failed, won = await ask(monkeypatch, BROKEN, QUICK)
    assert failed.attributes["omen.outcome"] == "failed"
    assert failed.attributes["error.type"] == "overloaded"
    assert failed.attributes["http.response.status_code"] == 503
    assert failed.status == "error"
    assert (won.attributes["omen.attempt.role"], won.status) == ("failover", "unset")
    assert (request.status, "error.type" in request.attributes) == ("unset", False)


async def test_a_request_that_fails_is_an_error_of_the_server(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, *attempts = await ask(monkeypatch, BROKEN)
    assert {span.status for span in attempts} == {"error"}
    assert request.status == "error"
    assert request.attributes["omen.result"] == "failed"
    assert request.attributes["http.response.status_code"] == 503
    assert request.attributes["error.type"] == request.attributes["omen.error"]


@pytest.mark.parametrize(
    ("given", "status"),
    [({"model": "nobody/has-it"}, 404), ({"omen": {"k": 0}}, 400), ({"method": "PUT"}, 405)],
    ids=str,
)
async def test_a_refused_request_has_a_span_and_is_no_error_of_the_server(
    given: dict[str, Any],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    [request] = await ask(monkeypatch, QUICK, **given)
    assert request.attributes["omen.result"] == "refused"
    assert request.attributes["http.response.status_code"] == status
    assert request.attributes["omen.error"]
    assert (request.status, "error.type" in request.attributes) == ("unset", False)
    assert (request.trace, request.parent) == (TRACE, CALLER)


async def test_a_hedge_is_an_event_of_the_request_at_the_moment_of_its_start(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    hints = {"strategy": "speculate_k", "k": 2, "hedge_delay_ms": 700}
    request, first, hedge = await ask(monkeypatch, SLOW, QUICK, omen=hints, model="slow/m,quick/m")
    event = request.event("omen.hedge")
    assert (event.at, round((event.at - request.began) / SECOND, 3)) == (hedge.began, 0.7)
    assert event.attributes["omen.provider"] == "quick"
    assert hedge.attributes["omen.attempt.role"] == "hedge"
    assert first.parent == hedge.parent == request.id


async def test_a_denied_attempt_is_an_event_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    hints = {"strategy": "race", "k": 2, "budget_usd": 0.000_000_1}
    request, *attempts = await ask(monkeypatch, QUICK, SLOW, omen=hints)
    assert attempts == []
    assert request.status == "unset"
    assert request.attributes["omen.error"] == "budget_exceeded"


async def test_a_deadline_that_passes_is_an_error_of_its_attempts(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    request, attempt = await ask(monkeypatch, SLOW, omen={"max_latency_ms": 900})
    assert (attempt.attributes["omen.outcome"], attempt.status) == ("timed_out", "error")
    assert attempt.attributes["error.type"] == "max_latency"
    assert (request.status, request.attributes["http.response.status_code"]) == ("error", 504)
    assert request.attributes["error.type"] == "max_latency_exceeded"


async def test_a_restart_is_an_event_between_the_two_attempts(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    hints = {"omen": {"on_failure": "restart"}, "model": "dying/m,quick/m", "stream": True}
    request, died, second = await ask(monkeypatch, DYING, QUICK, **hints)
    assert died.event("omen.commit").at < died.ended
    assert died.attributes["error.type"] == "truncated"
    assert died.ended <= request.event("omen.restart").at == second.began
    assert request.event("omen.commit").attributes["omen.provider"] == "quick"
    assert request.status == "unset"


async def test_probes_and_pages_of_operators_have_no_spans(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    for path in ("/health", "/metrics", "/omen/races", "/nowhere", "/v1/models"):
        assert await ask(monkeypatch, QUICK, path=path, method="GET") == []


async def test_an_unusual_method_does_not_make_a_name(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    [request] = await ask(monkeypatch, QUICK, method="BREW")
    assert request.name == "HTTP /v1/chat/completions"
    assert request.attributes["http.request.method"] == "_OTHER"
