"""A gate at the whole gateway: what a rejected answer leaves in reports, books and statistics."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.config.settings import RaceSettings
from omen.core.errors import FailureKind
from omen.front.app import make_app
from tests.front.asking import body
from tests.front.client import piece, scope, talk
from tests.world import World, open_world, upstream

BAD = upstream("bad", first_token=0.2, gap=0.1, tokens=400)
GOOD = upstream("good", "anthropic", first_token=2.0, gap=0.1, tokens=10)
GATE = ("no_regex:is bad answ",)
"""Upstreams begin with their names, and `bad` is useful at 0.5 s."""


async def test_the_rejected_answer_has_failed_and_is_booked(autojump_clock: MockClock) -> None:
    async with open_world(BAD, GOOD) as world:
        received = await world.ask(strategy="race", k=2, gate=GATE)
        assert received.winner == "good"
        assert received.text.startswith("This is good answering.")
        assert received.outcomes == {"bad": "failed", "good": "won"}
        world.assert_nothing_left()
        rows = {attempt.candidate.provider: attempt for _, attempt in world.rows}
    bad = rows["bad"]
    assert bad.failure is not None
    assert bad.failure.kind is FailureKind.REJECTED
    assert bad.failure.message == "no_regex: the pattern is found in it"
    assert bad.tokens > 0
    assert bad.cost.provenance == "at_least"
    assert bad.ended_at == rows["good"].committed_at


@pytest.mark.parametrize("strategy", ["single", "race", "speculate_k"])
async def test_it_is_delivered_if_the_others_fail(autojump_clock: MockClock, strategy: str) -> None:
    from_model = {"model": "bad/m", "gate": GATE, "strategy": strategy, "k": 2}
    async with open_world(BAD, GOOD) as world:
        received = await world.ask(**from_model)
        assert received.error is None
        assert received.text.startswith("This is bad answering.")
        assert received.race.attempts[0].tokens == 400
        world.assert_nothing_left()


async def test_a_default_of_the_configuration_can_be_turned_off(
    autojump_clock: MockClock,
) -> None:
    settings = Settings(race=RaceSettings(gate=GATE))
    async with open_world(BAD, GOOD, settings=settings) as world:
        assert (await world.ask(strategy="race", k=2)).winner == "good"
        assert (await world.ask(strategy="race", k=2, gate=())).winner == "bad"


async def test_rejections_say_nothing_about_the_provider(autojump_clock: MockClock) -> None:
    async with open_world(BAD, GOOD) as world:
        for _ in range(10):
            await world.ask(strategy="race", k=2, gate=GATE)
        assert world.gateway.health.state("bad") == "unknown"
        # What it would be without any sample: half.
        assert world.gateway.scores["bad"].reliability == 50.0


async def test_nothing_of_the_request_stays_in_the_record(autojump_clock: MockClock) -> None:
    async with open_world(BAD, GOOD) as world:
        received = await world.ask(strategy="race", k=2, gate=GATE)
    assert received.race.plan.gate == GATE
    assert received.race.plan.make_checks is None


async def chat(world: World, headers: Any = (), **fields: Any) -> tuple[int, dict[str, Any]]:
    app = make_app(world.gateway, world.feed, ServerSettings())
    asked = scope("/v1/chat/completions", headers=list(headers))
    talked = await talk(app, asked, (0, piece(body(**fields))))
    return talked.status, json.loads(talked.body)


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_caller_names_checks_and_sees_what_they_did(
    autojump_clock: MockClock, by_header: bool
) -> None:
    settings = Settings(auth=AuthSettings(allow_anonymous=True))
    omen: dict[str, Any] = {"strategy": "race", "k": 2, "explain": True}
    headers = [("x-omen-gate", f"no_refusal, {GATE[0]}")] if by_header else []
    if not by_header:
        omen["gate"] = ["no_refusal", *GATE]
    async with open_world(BAD, GOOD, settings=settings) as world:
        status, told = await chat(world, headers, omen=omen)
    assert status == 200
    attempts = {one["provider"]: one for one in told["omen"]["attempts"]}
    assert attempts["bad"]["outcome"] == "failed"
    assert "the pattern is found in it" in json.dumps(attempts["bad"])


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (["no_refusals"], "must be one of json_schema, tool_args, no_refusal"),
        (["regex:("], "regular expression"),
        ("no_refusal", "array"),
        (["no_refusal"] * 17, "16"),
    ],
)
async def test_a_gate_that_is_none_is_refused_by_name(
    autojump_clock: MockClock, gate: Any, words: str
) -> None:
    settings = Settings(auth=AuthSettings(allow_anonymous=True))
    async with open_world(GOOD, settings=settings) as world:
        status, told = await chat(world, omen={"gate": gate})
    assert status == 400
    assert told["error"]["param"].startswith("omen.gate")
    assert words in told["error"]["message"]
