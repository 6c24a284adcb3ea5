"""Answers that are good, and come otherwise than expected, as a naive client sees them."""

from __future__ import annotations

import json

import pytest
import trio

from omen.sim import Mislabeled, Spent, Unstreamed, answer_text
from tests.sim.naive import KINDS, finish, streamed_text
from tests.sim.scene import Scene


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_mislabeled_stream_is_a_good_one(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, Mislabeled(1, "text/odd"), nursery).chat()
    assert got.headers["content-type"] == "text/odd"
    assert streamed_text(kind, got.body) == answer_text("sim", 6)
    assert finish(kind, got.body) is not None


async def test_an_unstreamed_answer_comes_whole_with_its_last_token(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, Unstreamed(1), nursery)
    got = await scene.chat()
    assert (got.status, scene.now()) == (200, 1.75)
    assert got.headers["content-type"] == "application/json"
    assert answer_text("sim", 6) in json.dumps(json.loads(got.body), ensure_ascii=False)


async def test_a_spent_answer_ends_by_its_limit_and_has_no_text(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, Spent(1), nursery).chat()
    assert streamed_text(kind, got.body) == ""
    assert finish(kind, got.body) in ("length", "max_tokens")


@pytest.mark.parametrize("fault", [Mislabeled(1), Unstreamed(1), Spent(1)])
async def test_who_asks_for_no_stream_gets_a_body(
    fault: Mislabeled | Unstreamed | Spent,
    kind: str,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    got = await Scene(kind, fault, nursery).chat(stream=False)
    text = json.dumps(json.loads(got.body), ensure_ascii=False)
    assert (answer_text("sim", 6) in text) == (not isinstance(fault, Spent))
