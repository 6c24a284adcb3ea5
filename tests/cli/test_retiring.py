"""Models that will not be there for long."""

from __future__ import annotations

from datetime import date

import pytest

from omen.cli._retiring import retirement_warnings
from omen.core.cards import ModelCard
from omen.gateway import ServedModel


@pytest.mark.parametrize(
    ("retires", "said"),
    [
        (None, []),
        ("2027-01-14", []),
        ("2026-12-27", []),
        ("2026-12-26", ["p/m will be switched off on 2026-12-26"]),
        ("2026-11-26", ["p/m was announced to be switched off on 2026-11-26"]),
        ("2026-10-23", ["p/m was announced to be switched off on 2026-10-23"]),
    ],
)
def test_a_model_is_warned_of_from_a_month_before(retires: str | None, said: list[str]) -> None:
    model = ServedModel("p", "m", ModelCard(retires=retires))
    assert list(retirement_warnings([model], date(2026, 11, 26))) == said
