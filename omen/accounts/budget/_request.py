"""The caller's budget of one request, `budget_usd`. Pure rules.

If the attempts of a plan could together cost more than the budget, the plan is shrunk before it
starts: to fewer candidates, at last to one. A later attempt (a replacement of a failed one, a
hedge, a judge) must fit into the budget minus the costs so far and the worst case of running
attempts. Otherwise it is denied. So the costs never exceed the budget. A candidate without a known
price never fits, unless the operator declared such models free.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from omen.accounts.budget._share import HOW_TO_PRICE
from omen.accounts.budget._worst_case import WorstCase, narrowed
from omen.core.candidates import Candidate
from omen.core.errors import BudgetExceeded
from omen.core.plan import Plan, Role
from omen.core.records import Denial, RaceRecord


class RequestBudget:
    """The budget of one request."""

    def __init__(self, worst: WorstCase, budget_usd: Decimal) -> None:
        self._worst = worst
        self._budget = budget_usd

    def shrink(self, plan: Plan) -> Plan:
        """Return the plan, shrunk to fit.

        **Raises.** `BudgetExceeded` if not even one attempt fits.
        """
        fitting = [c for c in plan.candidates if self._fits(c)]
        if not fitting:
            raise BudgetExceeded(self._refusal(plan.candidates))
        if plan.strategy == "single":
            return narrowed(plan, fitting, plan.k)
        k = min(plan.k, len(fitting))
        while k > 1 and self._worst.together(plan, fitting, k) > self._budget:
            k -= 1
        return narrowed(plan, fitting, k)

    def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Return a denial if an attempt does not fit in addition to the earlier ones."""
        worst = self._worst.of_next(race, candidate, role)
        if worst is not None and self._worst.reserved(race, strict=True) + worst <= self._budget:
            return None
        return Denial("the budget (omen.budget_usd) does not pay for it", retryable=False)

    def _fits(self, candidate: Candidate) -> bool:
        worst = self._worst.of(candidate)
        return worst is not None and worst <= self._budget

    def _refusal(self, candidates: Sequence[Candidate]) -> str:
        costs = [(worst, c) for c in candidates if (worst := self._worst.of(c)) is not None]
        if not costs:
            unknown = "no candidate has a known price, so no cost can be bounded"
            return f"omen.budget_usd: {unknown}: {HOW_TO_PRICE}"
        worst, candidate = min(costs, key=lambda pair: pair[0])
        return (
            f"omen.budget_usd: ${self._budget:f} does not pay for one answer; at worst the "
            f"cheapest ({candidate.name}) costs ${worst:f}. Set max_tokens, or a larger budget"
        )
