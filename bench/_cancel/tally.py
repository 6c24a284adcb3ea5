"""The sums over the visits of one variant, at one concurrency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench._cancel.upstreams import Seen
from bench._cancel.verdicts import Verdict, judge
from bench._cancel.visits import Visit
from bench._cancel.ways import Way
from bench._percentiles import Durations
from bench._shares import Spent
from omen.sim import key_hash

UNKNOWN = "a stream of no question that was asked"


class Tally:
    """All measurements of one variant at one concurrency."""

    def __init__(self, way: Way, concurrency: int) -> None:
        self.way = way
        self.concurrency = concurrency
        self.requests = 0
        self.delays = Durations()
        self.aside: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.spent = Spent()

    def add_block(self, visited: Sequence[tuple[str, Visit]], seen: Seen) -> None:
        """Judge the visits of one block by what the upstreams saw during it."""
        for question, visit in visited:
            key = key_hash(question)
            streams = {name: by_question.get(key, ()) for name, by_question in seen.items()}
            self._add(judge(self.way, visit, streams))
        asked = {key_hash(question) for question, _ in visited}
        for by_question in seen.values():
            for key in by_question.keys() - asked:
                self.failures[UNKNOWN] += len(by_question[key])

    def _add(self, verdict: Verdict) -> None:
        self.requests += 1
        self.aside += verdict.aside
        self.failures += verdict.failures
        for delay in verdict.delays:
            self.delays.add(delay)
