"""Verdicts on the answers and their sums: one tally for each variant. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bench._answers import Answer, read_answer
from bench._best import best_possible, useful_after
from bench._client import Exchange
from bench._percentiles import Durations
from bench._race.variants import Variant
from bench._shares import Spent
from omen.sim import answer_text


class BadAnswerError(Exception):
    """A request without the expected answer. The text contains no content."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one good answer. `excess` and `missed_by` are seconds."""

    excess: float
    """The time of its first useful token, less the best possible time."""
    missed_by: float
    """How much earlier the ideal winner was than the actual one; 0 if they are the same."""
    chunks: int


def judge(variant: Variant, question: str, exchange: Exchange) -> Verdict:
    """Compare one exchange with what is known of it beforehand: every word, and the time.

    **Raises.** `BadAnswerError`, also for a token that arrives before it can have been written:
    then the draws are not those of the upstreams, and no other number is valid.
    """
    if exchange.failure:
        raise BadAnswerError(exchange.failure)
    if exchange.status != 200:
        raise BadAnswerError(f"status {exchange.status}")
    winner = variant.answered_by(exchange)
    entrant = next((e for e in variant.entrants if e.name == winner), None)
    if entrant is None:
        raise BadAnswerError("a winner that did not take part")
    answer = _answer(exchange)
    if not answer.done or answer.text != answer_text(winner, entrant.fate(question).tokens):
        raise BadAnswerError("not the winner's answer, word for word and to its end")
    best = best_possible(variant.entrants, question, variant.min_useful_tokens)
    excess = answer.useful_at(variant.min_useful_tokens) - exchange.sent_at - best.after
    if excess < 0:
        raise BadAnswerError("sooner than any upstream can have written it")
    after = useful_after(entrant, question, variant.min_useful_tokens)
    return Verdict(excess, after - best.after, answer.chunks)


def _answer(exchange: Exchange) -> Answer:
    try:
        return read_answer(exchange)
    except ValueError as error:
        raise BadAnswerError("not a stream of chunks") from error


class Tally:
    """All measurements of one variant. Times are seconds."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.excess = Durations()
        self.failures: Counter[str] = Counter()
        self.answered = 0
        self.ideal = 0
        """Answers whose winner was the ideal one."""
        self.missed_by = 0.0
        """The largest lead of an ideal winner that did not win."""
        self.chunks = 0
        self.spent = Spent()

    @property
    def requests(self) -> int:
        """The number of requests sent, answered or not."""
        return self.answered + self.failures.total()

    def add(self, question: str, exchange: Exchange) -> None:
        """Judge one exchange and count it."""
        try:
            verdict = judge(self.variant, question, exchange)
        except BadAnswerError as error:
            self.failures[str(error)] += 1
            return
        self.answered += 1
        self.excess.add(verdict.excess)
        self.ideal += verdict.missed_by == 0
        self.missed_by = max(self.missed_by, verdict.missed_by)
        self.chunks += verdict.chunks
