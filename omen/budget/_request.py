"""What a request may cost: reserved before anything starts, settled when it has ended. Pure rules.

The worst case of an attempt is a prompt of as many tokens as it has bytes, and an answer as long as
it may be. A plan whose attempts could together cost more than the budget is shrunk before it
starts: fewer candidates, in the end one. What is started later (another one in place of one that
failed, a hedge, a judge) has to fit beside what was spent and what still runs; else it is denied.

So what is spent never exceeds the budget, whatever happens. The price is caution: a request that
does not say how long its answer may be reserves the longest one its model can give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.costs import PromptSize
from omen.errors import BudgetExceeded
from omen.plan import AttemptRecord, Plan, RaceRecord, Role

LONGEST_ANSWER = 128_000
"""Tokens, where neither the request nor the catalogue says how long an answer may be."""


class RequestBudget:
    """The budget of one request, and its admission; see `omen.plan.Admission`."""

    def __init__(
        self,
        request: ChatRequest,
        prompt: PromptSize,
        budget_usd: Decimal,
        *,
        strict: bool = True,
    ) -> None:
        """Bound a request.

        Strict, as its caller wants it: who has no known price does not fit, and whoever has ended
        counts at the worst unless its provider has said what it used. Else, as a month's budget is
        kept: who has no price is free, and whoever has ended counts as it is booked.
        """
        self._request = request
        self._prompt = prompt
        self._budget = budget_usd
        self._strict = strict

    def within(self, budget_usd: Decimal) -> RequestBudget:
        """Give the same with a tighter bound."""
        tighter = min(budget_usd, self._budget)
        return RequestBudget(self._request, self._prompt, tighter, strict=self._strict)

    def amounts(self, plan: Plan) -> list[Decimal]:
        """List what could be set aside for a plan, the most first.

        At best there is enough for the whole plan, and the prompt once more for one that fails:
        reading it is as a rule all that a failure costs. At least, for the cheapest candidate.
        """
        worst = [cost for c in plan.candidates if (cost := self.worst_case(c)) is not None]
        if not worst:
            return []
        k = min(plan.k, len(plan.candidates)) if plan.strategy != "single" else 1
        spare = max(map(self._prompt_cost, plan.candidates)) if len(worst) > 1 else Decimal(0)
        found = {self._together(plan, plan.candidates, n) + spare for n in range(1, k + 1)}
        found.add(min(worst))
        return sorted((amount for amount in found if amount <= self._budget), reverse=True)

    def shrink(self, plan: Plan) -> Plan:
        """Make a plan fit.

        **Raises.** `BudgetExceeded` when not even one attempt fits.
        """
        fitting = [c for c in plan.candidates if self._fits(c)]
        if not fitting:
            raise BudgetExceeded(self._refusal(plan.candidates))
        k = min(plan.k, len(fitting))
        while k > 1 and self._together(plan, fitting, k) > self._budget:
            k -= 1
        alone = k == 1 and plan.k > 1
        shrunk = replace(
            plan,
            candidates=tuple(fitting),
            k=k,
            strategy="single" if alone else plan.strategy,
        )
        if shrunk != plan and plan.expected is not None:
            # What was expected was expected of the whole plan.
            shrunk = replace(shrunk, expected=replace(plan.expected, probability=None))
        return shrunk

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role) -> str | None:
        """Admit an attempt, if it fits beside what was spent and what runs."""
        drafts = self._drafts(race)
        reserved = sum((self._reserved(a, drafts) for a in race.attempts), Decimal(0))
        worst = self.worst_case(candidate, drafts if role == "judge" else 0)
        if worst is not None and reserved + worst <= self._budget:
            return None
        return "the budget does not pay for it"

    def worst_case(self, candidate: Candidate, further_input: int = 0) -> Decimal | None:
        """Say what one attempt costs at most; None where no price is known and that matters."""
        price = candidate.card.price
        if price is None:
            return None if self._strict else Decimal(0)
        rates = price.rates_at(self._prompt.at_most + further_input)
        # `max_tokens` may be more than the model can: then that is an error, and costs nothing.
        dearest_out = max(rates.output, price.rates.output)
        answer = self._longest(candidate) * dearest_out / Decimal(1_000_000)
        return self._prompt_cost(candidate, further_input) + answer

    def _prompt_cost(self, candidate: Candidate, further_input: int = 0) -> Decimal:
        """Say what reading the prompt costs at most."""
        price = candidate.card.price
        if price is None:
            return Decimal(0)
        prompt = self._prompt.at_most + further_input
        rates = price.rates_at(prompt)
        dearest = max(rates.input, rates.cache_write or 0, rates.cache_write_1h or 0)
        return prompt * dearest / Decimal(1_000_000)

    def _longest(self, candidate: Candidate) -> int:
        """Say how many tokens an answer may have; reasoning is within that limit."""
        return self._request.max_tokens or candidate.card.max_output or LONGEST_ANSWER

    def _fits(self, candidate: Candidate) -> bool:
        worst = self.worst_case(candidate)
        return worst is not None and worst <= self._budget

    def _together(self, plan: Plan, fitting: Sequence[Candidate], k: int) -> Decimal:
        chosen = fitting[:k]
        worst = [self.worst_case(candidate) or Decimal(0) for candidate in chosen]
        if plan.strategy == "parallel_merge" and plan.merge.method == "synthesize":
            judge = plan.merge.judge or max(fitting, key=lambda candidate: candidate.score)
            drafts = sum(map(self._longest, chosen))
            # A judge without a price cannot be paid: then the longest draft is the answer.
            worst.append(self.worst_case(judge, drafts) or Decimal(0))
        return sum(worst, Decimal(0))

    def _drafts(self, race: RaceRecord) -> int:
        """Bound what the judge has to read beside the question."""
        return sum(self._longest(a.candidate) for a in race.attempts if a.role == "draft")

    def _reserved(self, attempt: AttemptRecord, drafts: int) -> Decimal:
        cost = attempt.cost
        refused = attempt.failure is not None and attempt.failure.upstream_status is not None
        if attempt.outcome == "denied" or (refused and attempt.responded_at is None):
            return Decimal(0)
        is_booked = cost.provenance == "exact" or not self._strict
        if attempt.ended_at is not None and is_booked and cost.usd is not None:
            return cost.usd
        further = drafts if attempt.role == "judge" else 0
        return self.worst_case(attempt.candidate, further) or Decimal(0)

    def _refusal(self, candidates: Sequence[Candidate]) -> str:
        costs = [(worst, c) for c in candidates if (worst := self.worst_case(c)) is not None]
        if not costs:
            return "omen.budget_usd: no candidate's price is known, so none can be bounded"
        worst, candidate = min(costs, key=lambda pair: pair[0])
        return (
            f"omen.budget_usd: ${self._budget:f} does not pay for one answer; at worst the "
            f"cheapest ({candidate.name}) costs ${worst:f}. Set max_tokens, or a larger budget"
        )
