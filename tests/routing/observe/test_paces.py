"""The pace of hidden thought, learnt from complete answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard
from omen.core.events import Usage
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.routing.observe.paces import MAX_MODELS, MOST_PACE, SAMPLES, UNKNOWN_PACE, Paces

WHO = Candidate("p", "openai", "m", Endpoint("http://p"), "p")
THINKER = replace(WHO, card=ModelCard(abilities=frozenset({"reasoning"})))
RACE = RaceRecord("r", Plan("single", (WHO,)), 0.0)


def hear(paces: Paces, tokens: int, seconds: float, who: Candidate = WHO, **more: object) -> None:
    record = AttemptRecord(0, who, 0.0, complete=True, thinking_seconds=seconds)
    record.usage = Usage(10, tokens + 5, {}, {"reasoning_tokens": tokens})
    for name, value in more.items():
        setattr(record, name, value)
    paces("ended", RACE, record)


def test_only_a_model_that_reasons_has_a_pace_before_its_first_answer() -> None:
    assert Paces().of(WHO) is None
    assert Paces().of(THINKER) == UNKNOWN_PACE


def test_the_pace_is_the_median_of_the_last_answers_whatever_its_card_says() -> None:
    paces = Paces()
    for tokens in (100, 3000, 120):
        hear(paces, tokens, 2.0)
    assert paces.of(WHO) == 60.0
    assert paces.of(replace(WHO, model="other")) is None
    for _ in range(SAMPLES):
        hear(paces, 40, 2.0)
    assert paces.of(WHO) == 20.0


@pytest.mark.parametrize(
    "more",
    [{"complete": False}, {"usage": None}, {"role": "embed"}, {"thinking_seconds": 0.05}],
    ids=str,
)
def test_what_shows_no_pace_teaches_none(more: dict[str, object]) -> None:
    paces = Paces()
    hear(paces, 100, 2.0, **more)
    hear(paces, 19, 2.0)
    assert paces.of(WHO) is None


def test_no_report_makes_a_pace_absurd() -> None:
    paces = Paces()
    hear(paces, 100_000_000, 0.1)
    assert paces.of(WHO) == MOST_PACE
    paces = Paces()
    hear(paces, 100, 2.0, usage=Usage(10, 60, {}, {"reasoning_tokens": 100_000_000}))
    assert paces.of(WHO) == 30.0


def test_no_more_models_are_remembered_than_the_limit() -> None:
    paces = Paces()
    for number in range(MAX_MODELS + 5):
        hear(paces, 100, 2.0, replace(WHO, model=f"m{number}"))
    assert repr(paces) == f"<Paces of {MAX_MODELS} models>"
    assert paces.of(replace(WHO, model="m4")) is None
    assert paces.of(replace(WHO, model="m5")) == 50.0
