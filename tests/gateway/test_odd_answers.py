"""Answers that are good, and come otherwise than most clients expect, in every wire format."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from omen.core.events import AnswerEnd
from omen.sim.faults import Mislabeled, Spent, Unstreamed
from tests.world import KINDS, open_world, upstream, whole


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", ["text/plain; charset=utf-8", "application/octet-stream"])
async def test_a_stream_is_read_under_any_content_type(
    autojump_clock: MockClock, kind: str, label: str
) -> None:
    async with open_world(upstream("odd", kind, fault=Mislabeled(1, label))) as world:
        received = await world.ask()
    assert received.error is None
    assert received.text == whole("odd")


@pytest.mark.parametrize("kind", KINDS)
async def test_one_whole_body_is_read_as_the_stream_that_it_stands_for(
    autojump_clock: MockClock, kind: str
) -> None:
    async with open_world(upstream("odd", kind, fault=Unstreamed(1))) as world:
        received = await world.ask()
    assert received.error is None
    assert received.text == whole("odd")
    (attempt,) = received.race.attempts
    assert attempt.usage is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_the_limit_ended_is_delivered_when_nobody_has_more(
    autojump_clock: MockClock, kind: str
) -> None:
    async with open_world(upstream("odd", kind, fault=Spent(1))) as world:
        received = await world.ask()
    assert received.error is None
    end = received.sent[-1][1]
    assert isinstance(end, AnswerEnd)
    assert end.reason == "length"


async def test_whoever_has_more_wins_against_it(autojump_clock: MockClock) -> None:
    spent = upstream("spent", "openai", first_token=0.1, fault=Spent(1))
    async with open_world(spent, upstream("good", "anthropic", first_token=0.9)) as world:
        received = await world.ask()
    assert received.winner == "good"
    assert received.text == whole("good")
