"""Budgets of a calendar month (UTC): the gateway's, a key's, and soft limits of providers.

Each is a scope in the shared store, so that replicas agree on it. The worst-case cost of a request
is held there before it starts. When it has ended, its known cost is booked instead. A provider's
limit is soft: beyond it, the provider ranks after the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import trio

from omen.accounts.budget._calendar import current_month
from omen.accounts.budget._calendar import month_of as _month
from omen.accounts.budget._known import KnownMonths, check_known
from omen.core.callers import Caller
from omen.core.candidates import Candidate, Rank
from omen.core.errors import BudgetExceeded
from omen.core.money import booked_nano
from omen.core.money import nano as _nano
from omen.core.money import usd as _usd
from omen.core.records import RaceRecord
from omen.state import Cap, Hold, Money

LEASE_SECONDS = 60.0
"""How long money may be held after its request's deadline, if it is never released."""
_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """The limit and the costs of a budget. **Units.** US dollars."""

    limit_usd: Decimal | None
    spent_usd: Decimal


class MonthlyBudgets:
    """The monthly budgets in a store.

    `limit_usd` is the gateway's budget; `soft_limits` has percentages of it by provider. Once a
    budget applies, a model without a known price is refused unless `unpriced_is_free`.
    """

    def __init__(
        self,
        store: Money,
        limit_usd: Decimal | None = None,
        soft_limits: Mapping[str, Decimal] | None = None,
        *,
        unpriced_is_free: bool = False,
    ) -> None:
        self._store = store
        self.limit_usd = limit_usd
        self.soft_limits = soft_limits or {}
        self.unpriced_is_free = unpriced_is_free
        self._scopes_of: dict[str, list[str]] = {}
        """By race, the scopes in which money may be held. The settings may change meanwhile."""
        self._last_spent: dict[str, int] = {}
        """The costs by scope, as last read, plus this replica's own costs since then."""

    def bounds(self, caller: Caller) -> bool:
        """Return whether any monthly budget applies to a caller."""
        return self.limit_usd is not None or caller.monthly_usd is not None

    async def reserve(self, race: RaceRecord, amounts: Sequence[Decimal]) -> Decimal:
        """Hold the first of these amounts that fits, and return it. The largest comes first.

        **Raises.** `BudgetExceeded` if no amount fits; `SpendingUnknownError`.
        """
        amounts_above_zero = [amount for amount in amounts if amount > 0]
        held = await self._hold(race, amounts_above_zero) if amounts_above_zero else None
        if held is None or held.granted is not None:
            return Decimal(0) if held is None else _usd(held.granted or 0)
        # If the cheapest candidate is free, the request goes on without a hold.
        if min(amounts) > 0:
            raise BudgetExceeded(_refusal(held.refused_by or "", min(amounts)), param=None)
        return Decimal(0)

    async def raise_hold(self, race: RaceRecord, amount: Decimal) -> bool:
        """Raise the total hold of a running race to `amount`. On False its former hold remains.

        If the settings have changed and no budget applies any more, nothing needs to be held.
        """
        return (
            not self.bounds(race.caller) or (await self._hold(race, [amount])).granted is not None
        )

    async def _hold(self, race: RaceRecord, amounts: Sequence[Decimal]) -> Hold:
        caps = self._caps(race)
        # The lease must outlast the request: if it ended earlier, other requests could spend the
        # money that this one is still spending.
        lease = race.plan.total_deadline - trio.current_time() + LEASE_SECONDS
        # Recorded before the await: the store may grant the hold even if we are cancelled, and
        # `settle` must then release it.
        scopes = self._scopes_of.get(race.race_id, [])
        self._scopes_of[race.race_id] = list(dict.fromkeys([*scopes, *(cap.scope for cap in caps)]))
        hold = await self._store.hold(race.race_id, caps, list(map(_nano, amounts)), lease)
        if hold.granted is not None:
            race.budget_left = _usd(hold.left - hold.granted)
        return hold

    async def settle(self, race: RaceRecord) -> None:
        """Book the known costs of a race, and release its hold."""
        by_provider: defaultdict[str, int] = defaultdict(int)
        for attempt in race.attempts:
            cost = attempt.cost_usd
            if cost:
                by_provider[attempt.candidate.provider] += booked_nano(cost)
        # Removed before the await: a second call for the same race finds nothing to release.
        scopes = self._scopes_of.pop(race.race_id, [])
        if not (by_provider or scopes):
            return
        # Costs are booked even in scopes without a limit: a reload may set one, and soft limits
        # need the costs of each provider.
        month = _month(race.accepted_unix)
        total = sum(by_provider.values())
        spent = {_gateway(month): total}
        self._add_locally(_gateway(month), total)
        if race.caller.key_id is not None:
            spent[_key(month, race.caller.key_id)] = total
        for provider, amount in by_provider.items():
            scope = _provider(month, provider)
            spent[scope] = amount
            self._add_locally(scope, amount)
        await self._store.settle(race.race_id, scopes, spent)

    async def raise_to(
        self, month: str, spending: Iterable[tuple[str | None, str, Decimal]], by: str | None = None
    ) -> None:
        """Raise the costs of a month to at least these: (key, provider, dollars).

        `by` is the replica that spent them; see `omen.state.store.Money.raise_spent`.
        """
        await self._store.raise_spent(spent_under(month, spending), by)

    @property
    def is_known(self) -> bool:
        """Whether the costs of this month are known. Until then no budget pays for a request."""
        store = self._store
        return not isinstance(store, KnownMonths) or store.knows(current_month())

    async def look(self, providers: Sequence[str]) -> None:
        """Read the costs of all replicas, in total and by provider, for the soft limits."""
        month = current_month()
        scopes = [_gateway(month), *(_provider(month, name) for name in providers)]
        self._last_spent = dict(zip(scopes, await self._store.spent(scopes), strict=True))

    @property
    def last_standing(self) -> tuple[Decimal, Decimal | None]:
        """Return the costs of this month, as last read, and its limit."""
        return _usd(self._last_spent.get(_gateway(current_month()), 0)), self.limit_usd

    def budget_rank(self, candidate: Candidate) -> Rank:
        """Return a candidate's rank by its provider's soft limit alone."""
        return Rank.WAITING if self.is_beyond(candidate.provider) else Rank.READY

    def is_beyond(self, provider: str) -> bool:
        """Return whether a provider has reached its soft limit of this month, as last read."""
        percent = self.soft_limits.get(provider)
        if percent is None or self.limit_usd is None:
            return False
        spent = _usd(self._last_spent.get(_provider(current_month(), provider), 0))
        return spent >= self.limit_usd * percent / _PERCENT

    async def standing(self, caller: Caller | None = None) -> BudgetStatus:
        """Return the state of the gateway's budget of this month, or of a caller's own."""
        month = current_month()
        if caller is not None and caller.key_id is not None:
            limit, scope = caller.monthly_usd, _key(month, caller.key_id)
        else:
            limit, scope = self.limit_usd, _gateway(month)
        (spent,) = await self._store.spent([scope])
        return BudgetStatus(limit, _usd(spent))

    def _add_locally(self, scope: str, amount: int) -> None:
        # Soft limits see this replica's costs at once. The next `look` replaces the whole value.
        self._last_spent[scope] = self._last_spent.get(scope, 0) + amount

    def _caps(self, race: RaceRecord) -> list[Cap]:
        # The month of the acceptance, also after midnight: hold and settlement use the same scopes.
        month, caller = _month(race.accepted_unix), race.caller
        caps: list[Cap] = []
        if self.limit_usd is not None:
            caps.append(Cap(_gateway(month), _nano(self.limit_usd)))
        if caller.monthly_usd is not None and caller.key_id is not None:
            caps.append(Cap(_key(month, caller.key_id), _nano(caller.monthly_usd)))
        return caps


def spent_under(month: str, spending: Iterable[tuple[str | None, str, Decimal]]) -> dict[str, int]:
    """Return costs of a month, given as (key, provider, dollars), in nano-dollars by scope."""
    totals: defaultdict[str, int] = defaultdict(int)
    for key_id, provider, usd in spending:
        amount = _nano(usd)
        totals[_gateway(month)] += amount
        totals[_provider(month, provider)] += amount
        if key_id is not None:
            totals[_key(month, key_id)] += amount
    return totals


def _gateway(month: str) -> str:
    return f"{month}:gateway"


def _key(month: str, key_id: str) -> str:
    return f"{month}:key:{key_id}"


def _provider(month: str, name: str) -> str:
    return f"{month}:provider:{name}"


def _refusal(scope: str, least: Decimal) -> str:
    """Return why a request is refused. **Raises.** `SpendingUnknownError` if that is why."""
    check_known(scope)
    budget = "this key's monthly budget" if ":key:" in scope else "the gateway's monthly budget"
    return (
        f"{budget} does not pay for one answer any more: this one may cost ${least:f}. "
        "Set max_tokens, use a cheaper model, or wait for the next month"
    )
