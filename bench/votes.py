"""`python -m bench.votes`: what a vote saves that ends when it is sure enough, and what that costs.

Questions are voted on by `parallel_merge` with drafts that take some seconds, in virtual time. Of
each question a share of all drafts, between a half and 95 %, gives the same answer. The others give
one of several other answers, or, as the worst case, all the same one. Each question is voted on
with several risks; the drafts are the same each time, and so is the seed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from statistics import median
from typing import Any

import trio
from omen_strategies.parallel_merge import parallel_merge
from trio.testing import MockClock

from bench._main import make_parser, told_settings, write_report
from bench._options import Count, add_seed
from omen.core.candidates import Candidate, Endpoint
from omen.core.events import AnswerEnd, Event, TextDelta
from omen.core.plan import Attempt, Merge, Plan, Rewrite, Role, Vote

RISKS = (None, 0.01, 0.02, 0.05, 0.1)
LEAST, MOST = 0.5, 0.95
"""The share of drafts that give the same answer to a question."""
CANDIDATES = 9
MOST_CANDIDATES = 32
MEDIAN_SECONDS, SPREAD = 2.0, 0.4
"""Of the log-normal distribution of the time that a draft takes."""
AIM_SAVED, AIM_OTHER = 0.4, 0.005


@dataclass(frozen=True, slots=True)
class Question:
    """The draft of each candidate: its answer, and how long it takes."""

    drafts: Sequence[tuple[str, float]]

    @property
    def elected(self) -> str:
        """The answer of the full vote. A tie goes to the first candidate, as all score the same."""
        votes = Counter(answer for answer, _ in self.drafts)
        return max(votes, key=lambda answer: votes[answer])


@dataclass(slots=True)
class Row:
    """What became of all questions with one risk."""

    k: int
    others: int
    """The number of different answers that the other drafts give."""
    risk: float | None
    questions: int = 0
    drafts: int = 0
    same: int = 0
    """Questions with the answer of the full vote."""
    right: int = 0
    """Questions with the answer that the most drafts would give."""
    seconds: list[float] = field(default_factory=list)

    @property
    def is_met(self) -> bool:
        """Whether it saves what is wanted at what may be lost."""
        other = 1 - self.same / self.questions
        return self.saved >= AIM_SAVED and other <= AIM_OTHER

    @property
    def saved(self) -> float:
        """The share of drafts that were not started."""
        return 1 - self.drafts / (self.k * self.questions)

    @property
    def text(self) -> str:
        """Return a line of the table."""
        risk = "full vote" if self.risk is None else f"{self.risk:g}"
        p95 = sorted(self.seconds)[int(0.95 * len(self.seconds))]
        return (
            f"| {self.others} | {risk} | {self.drafts / self.questions:.2f} | {self.saved:.1%}"
            f" | {self.same / self.questions:.1%} | {self.right / self.questions:.1%}"
            f" | {median(self.seconds):.1f}, {p95:.1f} |"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All rows."""

    settings: dict[str, Any]
    rows: Sequence[Row]

    @property
    def complaint(self) -> str:
        """Why the numbers are not as wanted: no risk saves enough where answers differ."""
        met = any(row.is_met for row in self.rows if row.others > 1)
        return "" if met else f"no risk saves {AIM_SAVED:.0%} at {AIM_OTHER:.1%}"

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = [{**asdict(row), "seconds": median(row.seconds)} for row in self.rows]
        return {"benchmark": "votes", "settings": self.settings, "rows": rows}

    def to_text(self) -> str:
        """Return the table."""
        head = ["other answers", "risk", "drafts", "saved", "as the full vote", "right"]
        head.append("seconds, p50, p95")
        lines = [told_settings(self.settings), "", f"| {' | '.join(head)} |"]
        lines.append(f"|{' --- |' * len(head)}")
        return "\n".join([*lines, *(row.text for row in self.rows)])


def questions(count: int, k: int, others: int, seed: int) -> Iterator[Question]:
    """Draw questions. `others`: how many different answers there are beside the usual one."""
    drawn = random.Random(seed)
    for _ in range(count):
        share = drawn.uniform(LEAST, MOST)
        yield Question(
            [
                (
                    "0" if drawn.random() < share else str(1 + drawn.randrange(others)),
                    MEDIAN_SECONDS * drawn.lognormvariate(0, SPREAD),
                )
                for _ in range(k)
            ]
        )


async def ask(question: Question, risk: float | None, row: Row) -> None:
    """Vote on a question, and note what became of it."""
    record = Vote()
    drafts = {
        Candidate(str(place), "openai", "m", Endpoint(f"http://{place}"), str(place)): draft
        for place, draft in enumerate(question.drafts)
    }
    merge = Merge("vote", risk=risk, vote=record)
    plan = Plan("parallel_merge", tuple(drafts), k=len(drafts), merge=merge, min_useful_tokens=1)

    @asynccontextmanager
    async def opened(
        candidate: Candidate, role: Role = "primary", /, *, rewrite: Rewrite | None = None
    ) -> AsyncIterator[Attempt]:
        yield _Draft(*drafts[candidate])

    output, began = _Text(), trio.current_time()
    await parallel_merge(plan, opened, output)
    row.seconds.append(trio.current_time() - began)
    row.questions += 1
    row.drafts += record.drafts
    row.same += output.text == question.elected
    row.right += output.text == "0"


class _Draft:
    """An attempt that answers in one piece."""

    def __init__(self, answer: str, seconds: float) -> None:
        self._events: list[Event] = [TextDelta(answer), AnswerEnd("stop")]
        self._seconds = seconds

    async def receive(self) -> Sequence[Event]:
        await trio.sleep(self._seconds)
        events, self._events, self._seconds = self._events, [], 0.0
        return events

    def commit(self, *, shared: bool = False, takes_over: bool = False) -> None:
        pass

    def pause(self) -> None:
        pass

    def release(self) -> None:
        pass


class _Text:
    """The output of a vote."""

    def __init__(self) -> None:
        self.text = ""

    async def send(self, events: Sequence[Event]) -> None:
        self.text += "".join(event.text for event in events if isinstance(event, TextDelta))
        await trio.lowlevel.checkpoint()


async def measure(count: int, k: int, seed: int) -> Report:
    """Vote on all questions with all risks."""
    rows = []
    for others in (4, 1):
        for risk in RISKS:
            row = Row(k, others, risk)
            for question in questions(count, k, others, seed):
                await ask(question, risk, row)
            rows.append(row)
    return Report({"questions": count, "k": k, "seed": seed}, rows)


def play(args: argparse.Namespace) -> Report:
    """Run it in virtual time."""
    run = partial(measure, args.questions, args.k, args.seed)
    return trio.run(run, clock=MockClock(autojump_threshold=0))


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when no risk saves what is wanted."""
    parser = make_parser("votes", __doc__)
    parser.add_argument("--questions", type=Count(100_000), default=1000)
    parser.add_argument("--k", type=Count(MOST_CANDIDATES), default=CANDIDATES)
    add_seed(parser, 1)
    args = parser.parse_args(argv)
    return write_report("votes", play(args), args.json)


if __name__ == "__main__":
    sys.exit(main())
