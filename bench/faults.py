"""`python -m bench.faults`: every fault, with every strategy, at every door, in virtual time.

Each cell asks once (a storm: eight times) for an answer whose first candidate, whose every
candidate, or whose only candidate has the fault. It checks what the client hears, the books, and
that nothing is open afterwards. `--page FILE` writes the table into a page, between two marks.
`--part FAULT` plays the cells of one fault.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from bench._faults.cases import CASES, STRATEGIES
from bench._faults.cell import WHO, Cell, cell_at, play
from bench._faults.doors import DOORS
from bench._main import make_parser, write_report

START, END = "<!-- written by bench.faults -->\n", "<!-- end -->\n"


@dataclass(slots=True)
class Report:
    """A whole run: the cells, and what is wrong with some of them."""

    cells: list[Cell] = field(default_factory=list)
    wrong: list[tuple[Cell, list[str]]] = field(default_factory=list)

    @property
    def complaint(self) -> str:
        """How many cells are wrong."""
        return f"{len(self.wrong)} cells are wrong" if self.wrong else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        wrong = {str(cell): words for cell, words in self.wrong}
        return {"cells": len(self.cells), "wrong": wrong}

    def to_text(self) -> str:
        """Return two tables, by fault and by door: how many cells are right, of how many."""
        right: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        wrong = {id(cell) for cell, _ in self.wrong}
        for cell in self.cells:
            for name in (cell.case.name, cell.door.name):
                count = right[name, cell.strategy]
                count[0] += id(cell) not in wrong
                count[1] += 1
        heads = " | ".join(STRATEGIES)
        lines = [
            f"| fault | without another candidate | {heads} |",
            f"| --- | --- |{' --- |' * len(STRATEGIES)}",
            *(f"| {case.name} | {case.heard} | {_counts(case.name, right)} |" for case in CASES),
            "",
            f"| door | {heads} |",
            f"| --- |{' --- |' * len(STRATEGIES)}",
            *(f"| {door.name} | {_counts(door.name, right)} |" for door in DOORS),
            "",
            f"{len(self.cells)} cells, {len(self.cells) - len(self.wrong)} right.",
        ]
        lines += [f"WRONG {cell}: {'; '.join(words)}" for cell, words in self.wrong]
        return "\n".join(lines) + "\n"


def _counts(name: str, right: Mapping[tuple[str, str], Sequence[int]]) -> str:
    counts = [right.get((name, strategy), (0, 0)) for strategy in STRATEGIES]
    return " | ".join(f"{one} of {of}" for one, of in counts)


def every_cell() -> Iterator[Cell]:
    """Yield every combination. The vendors' formats take turns."""
    number = 0
    for case in CASES:
        for strategy in STRATEGIES:
            for door in DOORS:
                for who in WHO:
                    yield cell_at(case, strategy, door, who, number)
                    number += 1
            number += 1  # another strategy meets another vendor at the same door


def selection() -> Iterator[Cell]:
    """Yield cells in which each fault meets each strategy, and each strategy each door."""
    for row, case in enumerate(CASES):
        for column, strategy in enumerate(STRATEGIES):
            for turn in range(2):
                door = DOORS[(row + column * 4 + turn * 7) % len(DOORS)]
                who = WHO[(row + column + turn) % len(WHO)]
                yield cell_at(case, strategy, door, who, row // len(DOORS) + row * 2 + column)


def run(cells: Iterator[Cell]) -> Report:
    """Play cells one after the other, each in a run of trio of its own."""
    report = Report()
    for cell in cells:
        report.cells.append(cell)
        try:
            wrong = trio.run(play, cell, clock=MockClock(autojump_threshold=0))
        except Exception as error:  # noqa: BLE001  a cell that cannot be played is a wrong one
            wrong = [_told(error)]
        if wrong:
            report.wrong.append((cell, wrong))
    return report


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix; return the exit status, 1 if a cell is wrong."""
    parser = make_parser("faults", __doc__)
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table into this page")
    parser.add_argument("--part", metavar="FAULT", help="play the cells of this fault only")
    args: argparse.Namespace = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)  # thousands of faults, each with its warnings
    report = run(cell for cell in every_cell() if args.part in (None, cell.case.name))
    if args.page is not None and args.part is None:
        write_page(args.page, report.to_text())
    return write_report("faults", report, args.json)


def write_page(page: Path, table: str) -> None:
    """Replace what is between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    page.write_text(before + START + table + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
