"""The worst-case costs of a request's attempts. Pure.

In the worst case the prompt has as many tokens as bytes, and the answer has its greatest length.
The consequence is caution: a request without a limit for its answer reserves money for the longest
answer that its model can give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.plan import Plan, Role
from omen.core.prompt_size import PromptSize
from omen.core.records import AttemptRecord, RaceRecord

LONGEST_ANSWER = 128_000
"""Tokens of an answer if neither the request nor the catalogue limits it."""
_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Upper bounds of the costs of one request's attempts, in US dollars."""

    prompt: PromptSize
    longest_answer: Callable[[Candidate], int]
    """The limit of an answer's tokens, reasoning included."""
    unpriced_is_free: bool = False
    """Whether a model without a known price costs nothing. Otherwise its cost has no bound."""

    @classmethod
    def of_chat(
        cls, request: ChatRequest, prompt: PromptSize, *, unpriced_is_free: bool = False
    ) -> WorstCase:
        """Return the bounds of a chat request."""

        def longest(candidate: Candidate) -> int:
            return request.max_tokens or candidate.card.max_output or LONGEST_ANSWER

        return cls(prompt, longest, unpriced_is_free)

    def of(self, candidate: Candidate, further_input: int = 0) -> Decimal | None:
        """Return the worst-case cost of one attempt; None if it has no bound.

        `further_input` is the number of input tokens in addition to the prompt.
        """
        price = candidate.card.price
        if price is None:
            return _NOTHING if self.unpriced_is_free else None
        prompt = self.prompt.at_most + further_input
        rates = price.rates_at(prompt)
        dearest_in = max(rates.input, rates.cache_write or 0, rates.cache_write_1h or 0)
        # `max_tokens` may exceed the model's limit: then the upstream refuses the request, which
        # costs nothing. A prompt may be shorter than its bound, and then the rates of short prompts
        # apply: they may be the dearer ones for output.
        dearest_out = max(rates.output, price.rates.output)
        return (prompt * dearest_in + self.longest_answer(candidate) * dearest_out) / _MILLION

    def of_next(self, race: RaceRecord, candidate: Candidate, role: Role) -> Decimal | None:
        """Return the worst-case cost of an attempt that starts now. A judge reads the drafts."""
        return self.of(candidate, self._drafts(race) if role == "judge" else 0)

    def together(self, plan: Plan, candidates: Sequence[Candidate], k: int) -> Decimal:
        """Return the worst-case cost of the first k together, without those that have no bound."""
        chosen = candidates[:k]
        worst = [self.of(candidate) or _NOTHING for candidate in chosen]
        if plan.strategy == "parallel_merge" and plan.merge.method == "synthesize":
            judge = plan.merge.judge or max(candidates, key=lambda candidate: candidate.score)
            drafts = sum(map(self.longest_answer, chosen))
            # A judge without a price is never started: then the longest draft is the answer.
            worst.append(self.of(judge, drafts) or _NOTHING)
        return sum(worst, _NOTHING)

    def reserved(self, race: RaceRecord, *, strict: bool) -> Decimal:
        """Return the costs of ended attempts plus the worst-case costs of running ones.

        `strict`: an ended attempt without reported usage counts at its worst-case cost. Otherwise
        it counts at its booked cost, as it does in the month's budget.
        """
        drafts = self._drafts(race)
        return sum((self._reserved(a, drafts, strict=strict) for a in race.attempts), _NOTHING)

    def _reserved(self, attempt: AttemptRecord, drafts: int, *, strict: bool) -> Decimal:
        cost = attempt.cost
        refused = attempt.failure is not None and attempt.failure.upstream_status is not None
        if attempt.outcome == "denied" or (refused and attempt.responded_at is None):
            return _NOTHING
        is_booked = cost.provenance == "exact" or not strict
        if attempt.ended_at is not None and is_booked and cost.usd is not None:
            return cost.usd
        further = drafts if attempt.role == "judge" else 0
        return self.of(attempt.candidate, further) or _NOTHING

    def _drafts(self, race: RaceRecord) -> int:
        """Return the greatest number of tokens that the drafts add to a judge's input."""
        return sum(self.longest_answer(a.candidate) for a in race.attempts if a.role == "draft")


def narrowed(plan: Plan, candidates: Sequence[Candidate], k: int) -> Plan:
    """Return the plan with these candidates and k parallel attempts.

    A changed plan has no expected probability: that was computed for the whole plan.
    """
    alone = k == 1 and plan.k > 1 and plan.strategy != "single"
    strategy = "single" if alone else plan.strategy
    changed = (tuple(candidates), k, strategy) != (plan.candidates, plan.k, plan.strategy)
    if not changed:
        return plan
    expected = plan.expected and replace(plan.expected, probability=None)
    return replace(plan, candidates=tuple(candidates), k=k, strategy=strategy, expected=expected)
