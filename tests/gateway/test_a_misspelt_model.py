"""A model that its provider refuses as unknown gets the name that was meant."""

from __future__ import annotations

import pytest

from omen.core.callers import Caller
from omen.core.hints import RaceHints
from tests.world import Received, open_world, upstream

REFUSED = "does not exist"


@pytest.mark.parametrize(
    ("model", "end"),
    [
        ("a/omen-dmo", "; did you mean 'a/omen-demo'?"),
        ("a/something-else", ""),
        ("a/omen-demo-2,a/omen-demo-3", ""),
    ],
)
async def test_the_error_of_a_whole_race_ends_in_the_name(
    model: str, end: str, autojump_clock: object
) -> None:
    async with open_world(upstream("a", model="omen-demo")) as world:
        received = await world.ask(model=model, strategy="single")
    assert received.error is not None
    assert (received.error.status, received.error.code) == (404, "model_not_found")
    assert REFUSED in received.error.message
    assert received.error.message.partition("; did")[1:] == tuple(
        ("; did", end.removeprefix("; did")) if end else ("", "")
    )


async def test_a_name_that_the_key_does_not_allow_is_not_told(autojump_clock: object) -> None:
    async with open_world(upstream("a", model="omen-demo")) as world:
        caller = Caller(key_id="k", name="n", models=("a/omen-dm*",))
        race = world.gateway.plan("a/omen-dmo", RaceHints(strategy="single"), 0.0, caller=caller)
        received: Received = await world.run(race)
    assert received.error is not None
    assert received.error.status == 404
    assert "did you mean" not in received.error.message
