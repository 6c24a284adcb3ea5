"""The share of the month's budgets that one request holds. Pure rules.

Money is held for the attempts that start first. A later attempt may need more than is left of it:
then the hold is raised when the attempt is about to start, and the attempt is denied only if the
month cannot pay for it. So a hold for a cheap candidate never removes a fallback to a dearer one,
and near the limit no request holds money for attempts that may never start.

A candidate without a known price never fits, unless the operator declared such models free.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from omen.accounts.budget._worst_case import WorstCase, narrowed
from omen.core.candidates import Candidate
from omen.core.errors import BudgetExceeded
from omen.core.plan import Plan, Role
from omen.core.records import RaceRecord

_NOTHING = Decimal(0)
UNPRICED = "no known price"
HOW_TO_PRICE = (
    'an operator can set [providers.NAME.prices."MODEL"], or [routing] unpriced = "free" if such '
    "models cost nothing"
)


class MonthShare:
    """The part of the month's budgets that one request may use. `held` is its current hold."""

    def __init__(self, worst: WorstCase) -> None:
        self._worst = worst
        self.held = _NOTHING

    def bounded(self, plan: Plan) -> Plan:
        """Return the plan without the candidates whose cost has no bound.

        **Raises.** `BudgetExceeded` if there is no other one.
        """
        unbounded = [c for c in plan.candidates if self._worst.of(c) is None]
        if not unbounded:
            return plan
        left = [c for c in plan.candidates if c not in unbounded]
        if not left:
            names = ", ".join(candidate.name for candidate in unbounded)
            raise BudgetExceeded(
                f"a monthly budget applies, and {names} has no known price, so its cost cannot be "
                f"bounded: {HOW_TO_PRICE}",
                param=None,
            )
        left_out = (*plan.left_out, *((c.name, UNPRICED) for c in unbounded))
        return replace(narrowed(plan, left, min(plan.k, len(left))), left_out=left_out)

    def is_bounded(self, race: RaceRecord, candidate: Candidate, role: Role) -> bool:
        """Return whether the cost of an attempt has a bound."""
        return self._worst.of_next(race, candidate, role) is not None

    def amounts(self, plan: Plan) -> list[Decimal]:
        """Return the amounts that may be held for a plan, the largest first.

        The first one is enough for all attempts that start together, the last one for the cheapest
        candidate alone.
        """
        worst = [self._worst.of(candidate) or _NOTHING for candidate in plan.candidates]
        side_by_side = range(1, plan.starts + 1)
        amounts = {self._worst.together(plan, plan.candidates, n) for n in side_by_side}
        return sorted(amounts | {min(worst)}, reverse=True)

    def narrow(self, plan: Plan) -> Plan:
        """Return the plan with as many parallel attempts as the hold pays for.

        Every candidate stays in the plan. Those for which the hold is enough come first.
        """
        candidates = sorted(plan.candidates, key=lambda c: (self._worst.of(c) or 0) > self.held)
        if plan.starts == 1:
            return narrowed(plan, candidates, plan.k)
        k = plan.starts
        while k > 1 and self._worst.together(plan, candidates, k) > self.held:
            k -= 1
        return narrowed(plan, candidates, k)

    def needed(self, race: RaceRecord, candidate: Candidate, role: Role) -> Decimal:
        """Return the amount to hold for all attempts of the race, including this one."""
        worst = self._worst.of_next(race, candidate, role) or _NOTHING
        return self._worst.reserved(race, strict=False) + worst
