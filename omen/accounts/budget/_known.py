"""Whether it is known what a month has cost. While it is not, nothing is set aside in it.

A budget of a month that has cost nobody knows how much is not one of a month that has cost nothing:
a used-up month would pay again after each restart while its database is away. So a request that
costs something is refused, with an error that says why and when to come back. What costs nothing
needs no budget, and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omen.accounts.budget._calendar import current_month
from omen.core.errors import OmenError
from omen.state import Cap, Hold, Money

RETRY_SECONDS = 1.0
"""How soon the books are looked into again."""
_UNKNOWN = ":unknown"


class SpendingUnknownError(OmenError):
    """Nobody knows yet what this month has cost: the books could not be read since the start."""

    status = 503
    code = "spending_unknown"
    retry_after = 2 * RETRY_SECONDS

    def __init__(self) -> None:
        super().__init__(
            "what this month has cost could not be read from the ledger's database yet, so no "
            "budget can pay for this request; try again soon, or ask for a model that is free"
        )


class KnownMonths:
    """The money of a store, of which nothing is set aside in a month that is not known.

    A month that begins while this process runs is known from its beginning: what it costs is
    counted as it is spent. With `everything` all are: there are no books that would know more.
    """

    def __init__(self, store: Money, *, everything: bool = False) -> None:
        self._store = store
        self._last_unknown = "" if everything else current_month()
        self._told: set[str] = set()

    def know(self, month: str) -> None:
        """Note that the store has heard what a month has cost."""
        self._told.add(month)

    def knows(self, month: str) -> bool:
        """Whether it is known what a month has cost."""
        return month in self._told or month > self._last_unknown

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set money aside; refused by a scope that `check_known` knows, when a month is unknown."""
        for cap in caps:
            month = cap.scope.partition(":")[0]
            if not self.knows(month):
                return Hold(None, f"{month}{_UNKNOWN}")
        return await self._store.hold(hold_id, caps, amounts, lease)

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up: what is spent counts, whatever was spent before."""
        await self._store.settle(hold_id, scopes, spent)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return what was spent, as far as it is known."""
        return await self._store.spent(scopes)

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise what was spent."""
        await self._store.raise_spent(spent, by)


def check_known(refused_by: str | None) -> None:
    """Find out whether a hold was refused for want of money. **Raises.** `SpendingUnknownError`."""
    if refused_by is not None and refused_by.endswith(_UNKNOWN):
        raise SpendingUnknownError
