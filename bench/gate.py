"""`python -m bench.gate`: what a gate rejects, rightly and wrongly, and what it costs.

The fastest of three providers is bad in a fifth of its answers, in the way that one check is there
for. Each request is raced with and without that check, in virtual time, with the same draws. Beside
that, checks judge good answers that were written to look bad, and the time of a verdict is taken.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any

import trio
from trio.testing import MockClock

from bench._gate._answers import (
    Answer,
    bad_pieces,
    good_objects,
    good_texts,
    wanted_call,
    wanted_essay,
    wanted_object,
    wanted_text,
)
from bench._gate._scene import Entry, entry_of, run
from bench._main import make_parser, told_settings, write_report
from bench._options import Count, add_seed
from omen.race.checks import checks_of

FIRSTS = (0.3, 0.4, 0.45)
"""Median seconds to the first piece of each provider; log-normal."""
SPREAD, BAD = 0.3, 0.2
ALL = ("json_schema", "tool_args", "no_refusal", "language", "no_repetition")
CHECKS: Mapping[str, Callable[[random.Random], Answer]] = {
    "json_schema": wanted_object,
    "tool_args": wanted_call,
    "no_refusal": wanted_text,
    "language": wanted_text,
    "no_repetition": wanted_essay,
    "regex": wanted_object,
}
_PATTERN = {"regex": r"regex:^\s*\{"}
_USEFUL = {"no_repetition": 50}
"""Tokens before a commit, with and without the check: fewer show no loop of whole sentences."""
AIM_BAD, AIM_LATER, AIM_WRONG, AIM_SECONDS = 0.01, 0.005, 0.005, 0.0002
AIM_CALL_LATER = 0.08
"""Calls are held for 16 characters: nobody can use one before it is complete."""


@dataclass(slots=True)
class Row:
    """Races with one check. Times are medians of the first piece, in seconds."""

    check: str
    races: int
    bad_without: int
    bad_with: int
    first_without: float
    first_with: float
    first_good_without: float
    """Of the races in which the fastest was good."""
    first_good_with: float

    @property
    def text(self) -> str:
        """Return a line of the table."""
        return (
            f"| `{self.check}` | {self.bad_without / self.races:.1%} |"
            f" {self.bad_with / self.races:.1%} | {self.first_without * 1000:.0f} |"
            f" {self.first_with * 1000:.0f} |"
            f" {(self.first_good_with - self.first_good_without) * 1000:+.1f} |"
        )

    @property
    def is_met(self) -> bool:
        """Whether bad answers hardly win, and good ones are hardly later."""
        later = self.first_good_with - self.first_good_without
        aim = AIM_CALL_LATER if self.check == "tool_args" else AIM_LATER
        return self.bad_with <= AIM_BAD * self.races and later <= aim


@dataclass(frozen=True, slots=True)
class Report:
    """All rows, and the good answers that were judged."""

    settings: dict[str, Any]
    rows: Sequence[Row]
    good: int
    rejected: int
    verdict_seconds: float
    """Processor time of all five checks for what is new in one read, and their verdict."""

    @property
    def complaint(self) -> str:
        """What is not as wanted."""
        missed = [row.check for row in self.rows if not row.is_met]
        if self.rejected > AIM_WRONG * self.good:
            missed.append("good answers that were rejected")
        if self.verdict_seconds > AIM_SECONDS:
            missed.append("the time of a verdict")
        return ", ".join(missed)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        told = {name: value for name, value in asdict(self).items() if name != "rows"}
        return {"benchmark": "gate", **told, "rows": [asdict(row) for row in self.rows]}

    def to_text(self) -> str:
        """Return the table, and a sentence on the good answers."""
        head = ["check", "bad winners without", "with", "first token without, p50 (ms)", "with"]
        head.append("later if the fastest is good, p50 (ms)")
        lines = [told_settings(self.settings), "", f"| {' | '.join(head)} |"]
        lines.append(f"|{' --- |' * len(head)}")
        lines += [row.text for row in self.rows]
        lines += [
            "",
            f"Of {self.good} good answers {self.rejected} were rejected. A verdict of all checks"
            f" took {self.verdict_seconds * 1e6:.0f} µs.",
        ]
        return "\n".join(lines)


async def race_all(check: str, count: int, seed: int) -> Row:
    """Race all requests of one check, with and without it."""
    gate = [_PATTERN.get(check, check)]
    rounds = list(_draw(check, count, random.Random(seed)))
    useful = _USEFUL.get(check, 5)
    without = [await run(answer.request, entries, (), useful) for answer, entries in rounds]
    checked = [await run(answer.request, entries, gate, useful) for answer, entries in rounds]
    good = [place for place, (_, entries) in enumerate(rounds) if not entries[0].is_bad]
    return Row(
        check=check,
        races=count,
        bad_without=sum(winner.is_bad for winner, _ in without),
        bad_with=sum(winner.is_bad for winner, _ in checked),
        first_without=median(first for _, first in without),
        first_with=median(first for _, first in checked),
        first_good_without=median(without[place][1] for place in good),
        first_good_with=median(checked[place][1] for place in good),
    )


def _draw(check: str, count: int, dice: random.Random) -> list[tuple[Answer, list[Entry]]]:
    drawn = []
    for _ in range(count):
        answers = [CHECKS[check](dice) for _ in FIRSTS]
        firsts = [first * dice.lognormvariate(0, SPREAD) for first in FIRSTS]
        entries = [entry_of(*pair) for pair in zip(answers, firsts, strict=True)]
        if dice.random() < BAD:
            entries[0] = Entry(bad_pieces(check, dice), firsts[0], is_bad=True)
        drawn.append((answers[0], entries))
    return drawn


def judge_good(answers: Sequence[Answer]) -> tuple[int, float]:
    """Return how many good answers are rejected at some piece, and the time of one verdict."""
    rejected, verdicts, spent = 0, 0, 0.0
    for answer in answers:
        make = checks_of(ALL, answer.request)
        assert make is not None
        checks, is_rejected = make(), False
        began = time.process_time()
        for piece in answer.pieces:
            checks.take([piece])
            is_rejected = is_rejected or checks.verdict() not in (None, "hold")
        spent += time.process_time() - began
        verdicts += len(answer.pieces)
        rejected += is_rejected
    return rejected, spent / verdicts


async def measure(count: int, seed: int) -> Report:
    """Run everything."""
    rows = [await race_all(check, count, seed) for check in CHECKS]
    answers = [*good_texts(), *good_objects(200, seed)]
    rejected, seconds = judge_good(answers)
    return Report({"requests": count, "seed": seed}, rows, len(answers), rejected, seconds)


def play(args: argparse.Namespace) -> Report:
    """Run it in virtual time."""
    run_it = partial(measure, args.requests, args.seed)
    return trio.run(run_it, clock=MockClock(autojump_threshold=0))


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when something is not as wanted."""
    parser = make_parser("gate", __doc__)
    parser.add_argument("--requests", type=Count(100_000), default=1000)
    add_seed(parser, 1)
    args = parser.parse_args(argv)
    return write_report("gate", play(args), args.json)


if __name__ == "__main__":
    sys.exit(main())
