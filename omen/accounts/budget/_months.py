"""Budgets of a calendar month (UTC): the gateway's, a key's, and soft limits of providers.

Each is a scope in the shared store, so that replicas agree on it. What a request may cost is set
aside there before it starts, and when it has ended what it did cost is booked instead, at whatever
it was known to be. A provider's limit is soft: beyond it the provider is asked after others.
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
"""How much longer than its request money may be set aside, if nobody gives it back."""
_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """How a budget stands. US dollars."""

    limit_usd: Decimal | None
    spent_usd: Decimal


class MonthlyBudgets:
    """`limit_usd` is the gateway's own; `soft_limits` are percents of it, by provider."""

    def __init__(
        self,
        store: Money,
        limit_usd: Decimal | None = None,
        soft_limits: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._store = store
        self.limit_usd = limit_usd
        self.soft_limits = soft_limits or {}
        self._held: dict[str, list[str]] = {}
        """Under which scopes money is set aside, by race: settings may change before it ends."""
        self._seen: dict[str, int] = {}
        """What was spent, as far as it is known here, by scope."""

    def bounds(self, caller: Caller) -> bool:
        """Whether any budget of a month bounds what a caller asks."""
        return self.limit_usd is not None or caller.monthly_usd is not None

    async def reserve(self, race: RaceRecord, amounts: Sequence[Decimal]) -> Decimal:
        """Set aside the first of these amounts that fits, and return it; largest first.

        **Raises.** `BudgetExceeded` when none does.
        """
        asked = [amount for amount in amounts if amount > 0]
        held = await self._hold(race, asked) if asked else None
        if held is None or held.granted is not None:
            return Decimal(0) if held is None else _usd(held.granted or 0)
        if min(amounts) > 0:
            raise BudgetExceeded(_refusal(held.refused_by or "", min(amounts)), param=None)
        return Decimal(0)

    async def raise_hold(self, race: RaceRecord, amount: Decimal) -> bool:
        """Set aside so much in all for a race that runs; False leaves what it has set aside.

        Without a budget any more (the settings have changed) nothing needs to be set aside.
        """
        return (
            not self.bounds(race.caller) or (await self._hold(race, [amount])).granted is not None
        )

    async def _hold(self, race: RaceRecord, amounts: Sequence[Decimal]) -> Hold:
        caps = self._caps(race)
        lease = race.plan.total_deadline - trio.current_time() + LEASE_SECONDS
        # Noted before the await: the store may grant the hold even if we are cancelled.
        known = self._held.get(race.race_id, [])
        self._held[race.race_id] = list(dict.fromkeys([*known, *(cap.scope for cap in caps)]))
        hold = await self._store.hold(race.race_id, caps, list(map(_nano, amounts)), lease)
        if hold.granted is not None:
            race.budget_left = _usd(hold.left - hold.granted)
        return hold

    async def settle(self, race: RaceRecord) -> None:
        """Book what a race has cost, as far as it is known, and give back what was set aside."""
        by_provider: defaultdict[str, int] = defaultdict(int)
        for attempt in race.attempts:
            cost = attempt.cost_usd
            if cost:
                by_provider[attempt.candidate.provider] += booked_nano(cost)
        scopes = self._held.pop(race.race_id, [])
        if not (by_provider or scopes):
            return
        month = _month(race.accepted_unix)
        total = sum(by_provider.values())
        spent = {_gateway(month): total}
        self._note(_gateway(month), total)
        if race.caller.key_id is not None:
            spent[_key(month, race.caller.key_id)] = total
        for provider, amount in by_provider.items():
            scope = _provider(month, provider)
            spent[scope] = amount
            self._note(scope, amount)
        await self._store.settle(race.race_id, scopes, spent)

    async def raise_to(
        self, month: str, spending: Iterable[tuple[str | None, str, Decimal]], by: str | None = None
    ) -> None:
        """Have at least so much count as spent in a month: (key, provider, dollars).

        `by` names the replica that spent it; see `omen.state.store.Money.raise_spent`.
        """
        await self._store.raise_spent(spent_under(month, spending), by)

    @property
    def is_known(self) -> bool:
        """Whether it is known what this month has cost; until then budgets pay for nothing."""
        store = self._store
        return not isinstance(store, KnownMonths) or store.knows(current_month())

    async def look(self, providers: Sequence[str]) -> None:
        """Find out what was spent, here and elsewhere, altogether and by provider."""
        month = current_month()
        scopes = [_gateway(month), *(_provider(month, name) for name in providers)]
        self._seen = dict(zip(scopes, await self._store.spent(scopes), strict=True))

    @property
    def last_standing(self) -> tuple[Decimal, Decimal | None]:
        """Say what this month has cost, as last seen, and what it may."""
        return _usd(self._seen.get(_gateway(current_month()), 0)), self.limit_usd

    def budget_rank(self, candidate: Candidate) -> Rank:
        """Return how far back a candidate belongs, by its provider's soft limit alone."""
        return Rank.WAITING if self.is_beyond(candidate.provider) else Rank.READY

    def is_beyond(self, provider: str) -> bool:
        """Whether a provider has spent its share of this month's budget, as far as is known."""
        percent = self.soft_limits.get(provider)
        if percent is None or self.limit_usd is None:
            return False
        spent = _usd(self._seen.get(_provider(current_month(), provider), 0))
        return spent >= self.limit_usd * percent / _PERCENT

    async def standing(self, caller: Caller | None = None) -> BudgetStatus:
        """Say how the gateway's budget of this month stands, or a caller's own."""
        month = current_month()
        if caller is not None and caller.key_id is not None:
            limit, scope = caller.monthly_usd, _key(month, caller.key_id)
        else:
            limit, scope = self.limit_usd, _gateway(month)
        (spent,) = await self._store.spent([scope])
        return BudgetStatus(limit, _usd(spent))

    def _note(self, scope: str, amount: int) -> None:
        self._seen[scope] = self._seen.get(scope, 0) + amount

    def _caps(self, race: RaceRecord) -> list[Cap]:
        month, caller = _month(race.accepted_unix), race.caller
        caps: list[Cap] = []
        if self.limit_usd is not None:
            caps.append(Cap(_gateway(month), _nano(self.limit_usd)))
        if caller.monthly_usd is not None and caller.key_id is not None:
            caps.append(Cap(_key(month, caller.key_id), _nano(caller.monthly_usd)))
        return caps


def spent_under(month: str, spending: Iterable[tuple[str | None, str, Decimal]]) -> dict[str, int]:
    """Return what was spent in a month, (key, provider, dollars), in nano-dollars by scope."""
    known: defaultdict[str, int] = defaultdict(int)
    for key_id, provider, usd in spending:
        amount = _nano(usd)
        known[_gateway(month)] += amount
        known[_provider(month, provider)] += amount
        if key_id is not None:
            known[_key(month, key_id)] += amount
    return known


def _gateway(month: str) -> str:
    return f"{month}:gateway"


def _key(month: str, key_id: str) -> str:
    return f"{month}:key:{key_id}"


def _provider(month: str, name: str) -> str:
    return f"{month}:provider:{name}"


def _refusal(scope: str, least: Decimal) -> str:
    """Write why a request is refused. **Raises.** `SpendingUnknownError`, if that is why."""
    check_known(scope)
    whose = "this key's monthly budget" if ":key:" in scope else "the gateway's monthly budget"
    return (
        f"{whose} does not pay for one answer any more: this one may cost ${least:f}. "
        "Set max_tokens, ask for a cheaper model, or wait for the next month"
    )
