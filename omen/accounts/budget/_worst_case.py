"""What the attempts of one request may cost at worst. Pure.

The worst case of an attempt is a prompt of as many tokens as it has bytes, and an answer as long as
it may be. The price is caution: a request that does not say how long its answer may be reserves the
longest one its model can give.
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
"""Tokens, where neither the request nor the catalogue says how long an answer may be."""
_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Bounds of one request's attempts, in US dollars."""

    prompt: PromptSize
    longest_answer: Callable[[Candidate], int]
    """Tokens that an answer may have; reasoning is within that limit."""

    @classmethod
    def of_chat(cls, request: ChatRequest, prompt: PromptSize) -> WorstCase:
        """Return the bounds of a chat request."""

        def longest(candidate: Candidate) -> int:
            return request.max_tokens or candidate.card.max_output or LONGEST_ANSWER

        return cls(prompt, longest)

    def of(self, candidate: Candidate, further_input: int = 0) -> Decimal | None:
        """Return what one attempt costs at most; None where no price is known.

        `further_input`: tokens that it reads beside the prompt.
        """
        price = candidate.card.price
        if price is None:
            return None
        prompt = self.prompt.at_most + further_input
        rates = price.rates_at(prompt)
        dearest_in = max(rates.input, rates.cache_write or 0, rates.cache_write_1h or 0)
        # `max_tokens` may be more than the model can: then that is an error, and costs nothing.
        # A prompt may be shorter than its bound, and then be billed at the rates of short ones.
        dearest_out = max(rates.output, price.rates.output)
        return (prompt * dearest_in + self.longest_answer(candidate) * dearest_out) / _MILLION

    def of_next(self, race: RaceRecord, candidate: Candidate, role: Role) -> Decimal | None:
        """Return what an attempt would cost at most that starts now; a judge reads the drafts."""
        return self.of(candidate, self._drafts(race) if role == "judge" else 0)

    def together(self, plan: Plan, candidates: Sequence[Candidate], k: int) -> Decimal:
        """Return what the first k cost at most, started side by side; no price counts as free."""
        chosen = candidates[:k]
        worst = [self.of(candidate) or _NOTHING for candidate in chosen]
        if plan.strategy == "parallel_merge" and plan.merge.method == "synthesize":
            judge = plan.merge.judge or max(candidates, key=lambda candidate: candidate.score)
            drafts = sum(map(self.longest_answer, chosen))
            # A judge without a price cannot be paid: then the longest draft is the answer.
            worst.append(self.of(judge, drafts) or _NOTHING)
        return sum(worst, _NOTHING)

    def reserved(self, race: RaceRecord, *, strict: bool) -> Decimal:
        """Return what the attempts so far have cost or may still cost.

        `strict`: an ended attempt without reported usage counts at its worst-case cost. Otherwise
        it counts at its booked cost, as the month's budget will.
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
        """Bound what the judge has to read beside the question."""
        return sum(self.longest_answer(a.candidate) for a in race.attempts if a.role == "draft")


def narrowed(plan: Plan, candidates: Sequence[Candidate], k: int) -> Plan:
    """Return the plan over these candidates with k of them side by side.

    What was expected of the whole plan is no longer known then.
    """
    alone = k == 1 and plan.k > 1 and plan.strategy != "single"
    strategy = "single" if alone else plan.strategy
    changed = (tuple(candidates), k, strategy) != (plan.candidates, plan.k, plan.strategy)
    if not changed:
        return plan
    expected = plan.expected and replace(plan.expected, probability=None)
    return replace(plan, candidates=tuple(candidates), k=k, strategy=strategy, expected=expected)
