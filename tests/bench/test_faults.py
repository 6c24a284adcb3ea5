"""The fault matrix: a selection of its cells, and its table in the docs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import faults
from bench._faults.cases import ANSWERED, CASES, STRATEGIES
from bench._faults.cell import KINDS, WHO
from bench._faults.doors import DOORS
from omen.race.installed import load_strategies
from omen.sim import FAULTS
from tests.docs.pages import rows

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_fault_is_met_rightly_with_every_strategy(strategy: str) -> None:
    """At one door for each; `make faults` plays them at every door."""
    report = faults.run(cell for cell in faults.selection() if cell.strategy == strategy)
    assert len(report.cells) == 2 * len(CASES)
    assert [(str(cell), words) for cell, words in report.wrong] == []


def test_the_selection_takes_every_strategy_and_every_vendor_to_every_door() -> None:
    cells = list(faults.selection())
    pairs = {(cell.strategy, cell.door.name) for cell in cells}
    assert len(pairs) == len(STRATEGIES) * len(DOORS)
    assert len({(cell.kind, cell.door.name) for cell in cells}) == len(KINDS) * len(DOORS)


def test_the_matrix_has_every_fault_and_every_strategy() -> None:
    assert {case.kind for case in CASES} >= set(FAULTS)
    assert set(STRATEGIES) == set(load_strategies())


def test_the_page_has_every_fault_strategy_and_door_and_no_wrong_cell() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tables = text.partition(faults.START)[2].partition(faults.END)[0]
    assert f"| fault | without another candidate | {' | '.join(STRATEGIES)} |" in tables
    of = len(DOORS) * len(WHO)
    by_fault = [[case.name, case.heard, *[f"{of} of {of}"] * len(STRATEGIES)] for case in CASES]
    assert rows(tables, "fault") == by_fault
    of = len(CASES) * len(WHO)
    assert rows(tables, "door") == [[d.name, *[f"{of} of {of}"] * len(STRATEGIES)] for d in DOORS]


def test_a_cell_that_goes_otherwise_than_expected_is_wrong() -> None:
    silence = next(case for case in CASES if case.name == "status 500")
    other = replace(silence, expected=ANSWERED)
    cell = faults.cell_at(other, "single", DOORS[0], "every", 0)
    report = faults.run(iter([cell]))
    assert report.complaint == "1 cells are wrong"
    assert "WRONG status 500 (every, openai), single, chat: unexpected: 502" in report.to_text()


def test_the_table_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{faults.START}old\n{faults.END}after\n")
    faults.write_page(page, "new\n")
    assert page.read_text() == f"before\n{faults.START}new\n{faults.END}after\n"
