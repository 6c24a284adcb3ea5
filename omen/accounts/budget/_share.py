"""What one request has set aside of the month's budgets. Pure rules.

Money is set aside for what starts first. What starts later and does not fit beside what was spent
and what runs needs more: that is set aside when it is about to start, and denied only when the
month cannot pay for it. So no fallback is lost to a reservation that was made for a cheaper
candidate, and near the cap no request holds money for attempts that may never be made.

A candidate without a known price counts as free.
"""

from __future__ import annotations

from decimal import Decimal

from omen.accounts.budget._worst_case import WorstCase, narrowed
from omen.core.candidates import Candidate
from omen.core.plan import Plan, Role
from omen.core.records import RaceRecord

_NOTHING = Decimal(0)


class MonthShare:
    """The part of the month's budgets that one request may use. `held` is set aside for it."""

    def __init__(self, worst: WorstCase) -> None:
        self._worst = worst
        self.held = _NOTHING

    def amounts(self, plan: Plan) -> list[Decimal]:
        """List what may be set aside for a plan, largest first, the last one for the cheapest.

        The first is enough for everything that starts side by side.
        """
        worst = [self._worst.of(candidate) or _NOTHING for candidate in plan.candidates]
        side_by_side = range(1, plan.starts + 1)
        amounts = {self._worst.together(plan, plan.candidates, n) for n in side_by_side}
        return sorted(amounts | {min(worst)}, reverse=True)

    def narrow(self, plan: Plan) -> Plan:
        """Return the plan as far as what is held pays for it.

        Every candidate stays; those that what is held pays for come first.
        """
        candidates = sorted(plan.candidates, key=lambda c: (self._worst.of(c) or 0) > self.held)
        if plan.starts == 1:
            return narrowed(plan, candidates, plan.k)
        k = plan.starts
        while k > 1 and self._worst.together(plan, candidates, k) > self.held:
            k -= 1
        return narrowed(plan, candidates, k)

    def needed(self, race: RaceRecord, candidate: Candidate, role: Role) -> Decimal:
        """Return what has to be held for the race's attempts together with this one."""
        worst = self._worst.of_next(race, candidate, role) or _NOTHING
        return self._worst.reserved(race, strict=False) + worst
