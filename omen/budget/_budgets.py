"""The budgets of all requests that run, as their admission."""

from __future__ import annotations

from decimal import Decimal

from omen.budget._months import MonthlyBudgets
from omen.budget._request import RequestBudget
from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.costs import measure_prompt
from omen.plan import RaceRecord, Role

_UNBOUNDED = Decimal("Infinity")


class Budgets:
    """Each request that has a budget, or whose key or month has one, is asked for its own.

    What is set aside for a request in a month's budget is the bound it then runs under.
    """

    def __init__(self, months: MonthlyBudgets) -> None:
        self._months = months
        self._of: dict[str, RequestBudget] = {}

    def __repr__(self) -> str:
        return f"<Budgets of {len(self._of)} requests>"

    async def open(self, race: RaceRecord, request: ChatRequest) -> None:
        """Make a race's plan fit what may be spent on it, and keep to that until it is closed.

        **Raises.** `BudgetExceeded`. **Cancellation.** `close` gives back what was set aside.
        """
        own, monthly = race.plan.budget_usd, self._months.bounds(race.caller)
        if own is None and not monthly:
            return
        race.prompt = measure_prompt(request)
        budget = RequestBudget(
            request,
            race.prompt,
            _UNBOUNDED if own is None else own,
            strict=own is not None,
        )
        race.plan = budget.shrink(race.plan)
        if monthly:
            budget = budget.within(await self._months.hold(race, budget.amounts(race.plan)))
            race.plan = budget.shrink(race.plan)
        self._of[race.race_id] = budget

    async def open_input(self, race: RaceRecord, size: int) -> None:
        """Set aside what so many bytes of input cost at most, where no answer is generated.

        **Raises.** `BudgetExceeded`. **Cancellation.** `close` gives back what was set aside.
        """
        if self._months.bounds(race.caller):
            prices = [c.card.price for c in race.plan.candidates]
            worst = [Decimal(0) if p is None else size * p.rates.input / 1_000_000 for p in prices]
            await self._months.hold(race, sorted({max(worst), min(worst)}, reverse=True))

    async def close(self, race: RaceRecord) -> None:
        """The race is over: book what it cost."""
        self._of.pop(race.race_id, None)
        await self._months.settle(race)

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role) -> str | None:
        """Admit an attempt, or say why not."""
        mine = self._of.get(race.race_id)
        return None if mine is None else mine(race, candidate, role)
