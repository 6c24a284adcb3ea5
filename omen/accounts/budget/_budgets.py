"""The budgets of all requests that run, as what must be reserved before an attempt starts."""

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


@dataclass(slots=True)
class _Bounds:
    """What bounds one request. None: it is not bounded that way."""

    own: RequestBudget | None
    share: MonthShare | None


class Budgets:
    """Keeps the bounds of each request that has a budget, or whose key or month has one."""

    def __init__(self, months: MonthlyBudgets) -> None:
        self.months = months
        self._of: dict[str, _Bounds] = {}

    def __repr__(self) -> str:
        return f"<Budgets of {len(self._of)} requests>"

    async def open(self, race: RaceRecord, plan: Plan, request: ChatRequest) -> Plan:
        """Set money aside for a race and return the plan, reduced to what may be spent on it.

        **Raises.** `BudgetExceeded`. **Cancellation.** `close` gives back what was set aside.
        """
        if not self._applies_to(race, plan):
            return plan
        race.prompt = measure_prompt(request)
        return await self._open(race, plan, WorstCase.of_chat(request, race.prompt))

    async def open_input(self, race: RaceRecord, plan: Plan, prompt: PromptSize) -> Plan:
        """Do the same for a request that generates no answer: its input is all that costs.

        **Raises.** `BudgetExceeded`. **Cancellation.** `close` gives back what was set aside.
        """
        if not self._applies_to(race, plan):
            return plan
        return await self._open(race, plan, WorstCase(prompt, lambda candidate: 0))

    async def close(self, race: RaceRecord) -> None:
        """The race is over: book what it cost."""
        self._of.pop(race.race_id, None)
        await self.months.settle(race)

    async def reserve(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Set aside what an attempt may cost; see `omen.core.records.Reservation`.

        Nothing is awaited when what the race has set aside is enough.
        """
        bounds = self._of.get(race.race_id)
        if bounds is None:
            return None
        if bounds.own is not None and (denial := bounds.own.admit(race, candidate, role)):
            return denial
        share = bounds.share
        # Another attempt of the same race may start while this one waits for the store: look again.
        while share is not None and (needed := share.needed(race, candidate, role)) > share.held:
            if not await self.months.raise_hold(race, needed):
                return _TOO_DEAR
            share.held = max(share.held, needed)
        return None

    def _applies_to(self, race: RaceRecord, plan: Plan) -> bool:
        limits = (plan.budget_usd, self.months.limit_usd, race.caller.monthly_usd)
        return limits != (None, None, None)

    async def _open(self, race: RaceRecord, plan: Plan, worst: WorstCase) -> Plan:
        race.has_budget = True
        own, share = None, None
        if plan.budget_usd is not None:
            own = RequestBudget(worst, plan.budget_usd)
            plan = own.shrink(plan)
        if self.months.bounds(race.caller):
            share = MonthShare(worst)
            share.held = await self.months.reserve(race, share.amounts(plan))
            plan = share.narrow(plan)
        self._of[race.race_id] = _Bounds(own, share)
        return plan
