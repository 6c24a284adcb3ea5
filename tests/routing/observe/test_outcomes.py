"""Success rates by model: of what callers name, only the latest are remembered."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.routing.observe.outcomes import MAX_WINDOWS, SLICE_SECONDS, WINDOW_SECONDS, Outcomes

WHO = Candidate("p", "openai", "m", Endpoint("http://p"), "p")
RACE = RaceRecord("r", Plan("single", (WHO,)), 0.0)


async def test_no_more_models_are_remembered_than_the_limit(autojump_clock: MockClock) -> None:
    outcomes = Outcomes()
    for number in range(MAX_WINDOWS + 5):
        who = replace(WHO, model=f"m{number}")
        outcomes("ended", RACE, AttemptRecord(0, who, 0.0, complete=True))
    assert repr(outcomes) == f"<Outcomes of {MAX_WINDOWS} models>"
    assert outcomes.reliability("p", "m4") == 50.0
    assert outcomes.reliability("p", "m5") > 50.0


async def test_a_window_that_a_question_has_emptied_is_forgotten(autojump_clock: MockClock) -> None:
    """It must not be an error of the next request that its provider ends."""
    outcomes = Outcomes()
    outcomes("ended", RACE, AttemptRecord(0, WHO, 0.0, complete=True))
    await trio.sleep(WINDOW_SECONDS + SLICE_SECONDS)
    assert outcomes.reliability("p", "m") == 50.0
    other = replace(WHO, model="other")
    outcomes("ended", RACE, AttemptRecord(1, other, 0.0, complete=True))
    assert repr(outcomes) == "<Outcomes of 1 models>"
