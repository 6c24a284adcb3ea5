"""What of the hints gets into a plan: the hedge delay, the merge, the restart, the budget."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trio.testing import MockClock

from omen.config import Settings
from omen.core.hints import RaceHints
from omen.front.http.hints import read_hints
from omen.front.http.hints_schema import HintsIn
from tests.world import open_world, upstream


def read(headers: dict[str, str] | None = None, **omen: object) -> RaceHints:
    return read_hints(HintsIn.model_validate(omen), None, headers or {})


def test_every_hint_is_read() -> None:
    hints = read(
        hedge_delay_ms=250,
        budget_usd=0.1,
        merge={"method": "vote", "judge": "p/m", "quorum": 2, "risk": 0.1},
        on_failure="restart",
    )
    assert hints.hedge_delay == 0.25
    assert hints.budget_usd == Decimal("0.1")  # a tenth, and not the double next to it
    assert (hints.merge_method, hints.judge, hints.quorum) == ("vote", "p/m", 2)
    assert hints.vote_risk == 0.1
    assert hints.restart


def test_and_by_headers_where_there_is_a_form() -> None:
    headers = {
        "x-omen-hedge-delay-ms": "0",
        "x-omen-budget-usd": "1e-3",
        "x-omen-on-failure": "restart",
    }
    hints = read(headers)
    assert (hints.hedge_delay, hints.budget_usd, hints.restart) == (0.0, Decimal("0.001"), True)


def test_what_was_not_said_is_not_there() -> None:
    hints = read()
    assert hints.hedge_delay is hints.budget_usd is hints.merge_method is None
    assert not hints.restart


@pytest.mark.parametrize("strategy", ["single", "race"])
async def test_who_does_not_hedge_has_no_delays(autojump_clock: MockClock, strategy: str) -> None:
    async with open_world(upstream("a"), settings=Settings()) as world:
        assert world.plan(strategy=strategy, hedge_delay=1.0).plan.hedge_delays == {}
