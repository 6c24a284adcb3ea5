"""What a plan gives up while the gateway is short of processor time, before anybody is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from omen.admission import Pressure
from omen.core.plan import Plan

FEWER = 2
"""The most entrants or drafts of a race under the first level of pressure."""


def _normal() -> Pressure:
    return Pressure.NORMAL


@dataclass(slots=True)
class Relief:
    """Shrinks plans by the pressure of the moment, and counts the plans that it shrank.

    `single` is whether the strategy of that name is installed.
    """

    pressure: Callable[[], Pressure] = _normal
    single: bool = True
    relieved: Counter[Pressure] = field(default_factory=Counter)

    def relieve(self, plan: Plan) -> tuple[Plan, Pressure]:
        """Return the plan to run, and the pressure if it changed the plan.

        A hedge and an entrant each cost the gateway nearly what a request does, and nobody goes
        without an answer when they are left out.
        """
        pressure = self.pressure()
        if pressure is Pressure.NORMAL:
            return plan, pressure
        shrunk = _smaller(plan) if pressure is Pressure.NO_HEDGES else self._alone(plan)
        if shrunk == plan:
            return plan, Pressure.NORMAL
        self.relieved[pressure] += 1
        return shrunk, pressure

    def _alone(self, plan: Plan) -> Plan:
        strategy = "single" if self.single else plan.strategy
        if strategy == plan.strategy and plan.starts == 1 and not plan.hedge_delays:
            return plan
        return replace(_smaller(plan), strategy=strategy, k=1)


def _smaller(plan: Plan) -> Plan:
    """Return a plan without hedges, and with `FEWER` entrants at most."""
    is_hedged = plan.starts == 1 and plan.hedge_delays
    if not is_hedged and plan.starts <= FEWER:
        return plan
    expected = None if plan.expected is None else replace(plan.expected, probability=None)
    k, quorum = min(plan.k, FEWER), plan.merge.quorum
    merge = replace(plan.merge, quorum=None if quorum is None else min(quorum, k))
    return replace(plan, hedge_delays={}, k=k, merge=merge, expected=expected)
