"""`make attack`: attack a gateway in every way that has once hurt it, and print what came of it.

Each attack has a gateway process of its own on loopback, and upstreams that misbehave. Nothing
leaves this machine. The table has one row for each: what is done, what came of it at first, what
comes now, and what is wanted. The exit status is 1 if an attack is not withstood.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from bench._errors import BenchError
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench.attack import books, entrance, load, truth
from bench.attack._arena import Arena, raise_own_limit
from bench.attack._rows import Attack, Outcome

ATTACKS: tuple[Attack, ...] = (*load.ATTACKS, *books.ATTACKS, *entrance.ATTACKS, *truth.ATTACKS)
_MOST_SECONDS = 90.0
"""How long one attack may take."""
_FAILURES = (
    *(BenchError, OSError, LookupError, TypeError, ValueError),
    *(trio.BrokenResourceError, sqlite3.Error),
)
_PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the attacks, in their order."""

    machine: Mapping[str, Any]
    rows: Sequence[tuple[Attack, Outcome, float]]

    @property
    def complaint(self) -> str:
        """The names of the attacks that were not withstood."""
        names = [attack.name for attack, outcome, _ in self.rows if not outcome.met]
        return f"not met: {', '.join(names)}" if names else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = [
            {"name": a.name, "done": a.done, "before": a.before, "wanted": a.wanted,
             **asdict(outcome), "seconds": round(seconds, 1)}
            for a, outcome, seconds in self.rows
        ]  # fmt: skip
        return {"benchmark": "attack", "machine": dict(self.machine), "rows": rows}

    def to_text(self) -> str:
        """Return the table, in Markdown."""
        lines = [
            "| # | done | before | now | wanted | met |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {attack.name} | {attack.done} | {attack.before} | {_cell(outcome.now)} |"
            f" {attack.wanted} | {'yes' if outcome.met else '**no**'} |"
            for attack, outcome, _ in self.rows
        ]
        return "\n".join(lines)


async def measure(attacks: Sequence[Attack], page: Path | None) -> Report:
    """Carry out the attacks, one after the other. Each one's failure to run is its own outcome."""
    raise_own_limit()
    rows: list[tuple[Attack, Outcome, float]] = []
    for attack in attacks:
        began = trio.current_time()
        with TemporaryDirectory(prefix="omen-attack-") as folder:
            outcome = await _carry_out(attack, Path(folder))
        seconds = trio.current_time() - began
        rows.append((attack, outcome, seconds))
        verdict = "met" if outcome.met else "NOT MET"
        print(f"{attack.name} {verdict} ({seconds:.1f} s): {outcome.now}", file=sys.stderr)
    report = Report(describe_machine(), rows)
    if page is not None:
        await trio.Path(page).write_text(_page(report), encoding="utf-8")
    return report


async def _carry_out(attack: Attack, folder: Path) -> Outcome:
    outcome = Outcome(f"not over after {_MOST_SECONDS:g} s", met=False)
    try:
        with trio.move_on_after(_MOST_SECONDS):
            async with trio.open_nursery() as nursery:
                outcome = await attack.run(Arena(folder, nursery))
                nursery.cancel_scope.cancel()
    except* _FAILURES as group:
        # A gateway that answers something else than expected makes an attack fail in many ways.
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        outcome = Outcome(f"could not be measured: {type(error).__name__}: {error}", met=False)
    return outcome


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:400]


def _page(report: Report) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False, cwd=_PAGE.parent,
    )  # fmt: skip
    commit = done.stdout.strip() or "no commit"
    machine = report.machine
    met = sum(outcome.met for _, outcome, _ in report.rows)
    where = f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}"
    return (
        "# Attacks\n\n"
        "Written by `make attack`, which carries out every attack that has once hurt OMEN, on a\n"
        "gateway process of its own, on loopback. Each row says what is done, what came of it at\n"
        "first, what comes of it now, and what is wanted.\n\n"
        f"{machine['at']}, {where}, commit {commit}: {met} of {len(report.rows)} withstood.\n\n"
        f"{report.to_text()}\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Attack and report; the exit status is 1 when an attack was not withstood."""
    parser = make_parser("attack", __doc__)
    names = [attack.name for attack in ATTACKS]
    parser.add_argument(
        "--only", type=_names, metavar="L1,B2", help=f"these attacks only, of {', '.join(names)}"
    )
    parser.add_argument(
        "--page", type=Path, default=_PAGE, help="where the table is written (%(default)s)"
    )
    parser.add_argument("--no-page", action="store_true", help="write no page")
    args = parser.parse_args(argv)
    chosen = [attack for attack in ATTACKS if not args.only or attack.name in args.only]
    # A part of the attacks is a trial. The page is about all of them.
    page = None if args.no_page or args.only else args.page
    return run_and_report("attack", partial(measure, chosen, page), args.json)


def _names(text: str) -> list[str]:
    known = {attack.name for attack in ATTACKS}
    names = text.upper().split(",")
    if unknown := sorted({*names} - known):
        raise argparse.ArgumentTypeError(f"no such attack: {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
