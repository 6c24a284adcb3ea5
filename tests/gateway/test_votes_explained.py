"""The report of a vote in the explanation of a race, and the hint for its risk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from omen.config import ServerSettings
from omen.front.app import make_app
from tests.front.asking import body
from tests.front.client import Conversation, piece, scope, talk
from tests.world import open_world, upstream

UPSTREAMS = [upstream(name, first_token=1.0, gap=0.0, tokens=3) for name in ("a", "b", "c")]


async def vote(explain: bool = True, **merge: Any) -> Conversation:
    hints = {"strategy": "parallel_merge", "k": 3, "merge": {"method": "vote", **merge}}
    async with open_world(*UPSTREAMS) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        asked = scope(headers=[("content-type", "application/json")])
        sent = body(stream=False, omen={**hints, "explain": explain})
        heard = await talk(app, asked, (0, piece(sent)))
        world.assert_nothing_left()
    return heard


async def test_disagreement_is_told(autojump_clock: MockClock) -> None:
    """The simulated upstreams never agree: each says its name."""
    told = (await vote()).json["omen"]["vote"]
    assert told == {
        "drafts": 3,
        "votes": [1, 1, 1],
        "risk": None,
        "upset": 0.0,
        "ended_by": "exhausted",
    }


async def test_a_risk_ends_the_vote_early(autojump_clock: MockClock) -> None:
    """With one vote for an answer and two to come, an upset has a probability of a sixth."""
    told = (await vote(risk=0.2)).json["omen"]["vote"]
    assert told == {
        "drafts": 1,
        "votes": [1],
        "risk": 0.2,
        "upset": 0.166667,
        "ended_by": "risk",
    }


async def test_other_strategies_have_no_vote(autojump_clock: MockClock) -> None:
    async with open_world(*UPSTREAMS) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        sent = body(stream=False, omen={"strategy": "race", "explain": True})
        heard = await talk(app, scope(), (0, piece(sent)))
    assert "vote" not in heard.json["omen"]


@pytest.mark.parametrize("risk", [0, 1, 1.5, -0.1, "0.1", True])
async def test_a_risk_is_a_number_between_0_and_1(risk: Any, autojump_clock: MockClock) -> None:
    heard = await vote(risk=risk)
    assert heard.status == 400
    error = json.loads(heard.body)["error"]
    assert error["param"] == "omen.merge.risk"
