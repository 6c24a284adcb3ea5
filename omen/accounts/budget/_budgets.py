"""The budgets of all running requests: the money to reserve before an attempt starts."""

from __future__ import annotations

from dataclasses import dataclass

from omen.accounts.budget._months import MonthlyBudgets
from omen.accounts.budget._request import RequestBudget
from omen.accounts.budget._share import MonthShare
from omen.accounts.budget._worst_case import WorstCase
from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.plan import Plan, Role
from omen.core.prompt_size import PromptSize, measure_prompt
from omen.core.records import Denial, RaceRecord

_TOO_DEAR = Denial("the month's budget does not pay for it", retryable=False)
_UNPRICED = Denial("it has no known price, and a monthly budget applies", retryable=False)


@dataclass(slots=True)
class _Bounds:
    """The budgets of one request: its own one, and its share of the month. None: no such budget."""

    own: RequestBudget | None
    share: MonthShare | None


class Budgets:
    """The budgets of every request that has a budget itself, or whose key or month has one."""

    def __init__(self, months: MonthlyBudgets) -> None:
        self.months = months
        self._of: dict[str, _Bounds] = {}

    def __repr__(self) -> str:
        return f"<Budgets of {len(self._of)} requests>"

    async def open(self, race: RaceRecord, plan: Plan, request: ChatRequest) -> Plan:
        """Reserve money for a race, and return the plan reduced to what the budgets allow.

        **Raises.** `BudgetExceeded`. **Cancellation.** `close` releases the reservation.
        """
        if not self._applies_to(race, plan):
            return plan
        race.prompt = measure_prompt(request)
        free = self.months.unpriced_is_free
        worst = WorstCase.of_chat(request, race.prompt, unpriced_is_free=free)
        return await self._open(race, plan, worst)

    async def open_input(self, race: RaceRecord, plan: Plan, prompt: PromptSize) -> Plan:
        """Do the same for a request without a generated answer: only its input costs money.

        **Raises.** `BudgetExceeded`. **Cancellation.** `close` releases the reservation.
        """
        if not self._applies_to(race, plan):
            return plan
        free = self.months.unpriced_is_free
        return await self._open(race, plan, WorstCase(prompt, lambda candidate: 0, free))

    async def close(self, race: RaceRecord) -> None:
        """Book the costs of an ended race, and release its reservation."""
        self._of.pop(race.race_id, None)
        await self.months.settle(race)

    async def reserve(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Reserve the worst-case cost of an attempt; see `omen.core.records.Reservation`.

        If the race has already reserved enough, there is no checkpoint.
        """
        bounds = self._of.get(race.race_id)
        if bounds is None:
            return None
        if bounds.own is not None and (denial := bounds.own.admit(race, candidate, role)):
            return denial
        share = bounds.share
        if share is not None and not share.is_bounded(race, candidate, role):
            return _UNPRICED
        # Another attempt of the same race may start while this one waits for the store, so the
        # needed amount is computed again after each wait.
        while share is not None and (needed := share.needed(race, candidate, role)) > share.held:
            if not await self.months.raise_hold(race, needed):
                return _TOO_DEAR
            share.held = max(share.held, needed)
        return None

    def _applies_to(self, race: RaceRecord, plan: Plan) -> bool:
        return plan.budget_usd is not None or self.months.bounds(race.caller)

    async def _open(self, race: RaceRecord, plan: Plan, worst: WorstCase) -> Plan:
        race.has_budget = True
        own, share = None, None
        if plan.budget_usd is not None:
            own = RequestBudget(worst, plan.budget_usd)
            plan = own.shrink(plan)
        if self.months.bounds(race.caller):
            share = MonthShare(worst)
            plan = share.bounded(plan)
            share.held = await self.months.reserve(race, share.amounts(plan))
            plan = share.narrow(plan)
        self._of[race.race_id] = _Bounds(own, share)
        return plan
