"""The months whose costs are known. In an unknown month no money can be reserved.

Unknown costs must not count as zero. Otherwise, after a restart while the database is unavailable,
the budget of a used-up month would pay again. So a request that costs something is refused, with an
error that has the reason and a time to retry. A free request needs no budget, and is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omen.accounts.budget._calendar import current_month
from omen.core.errors import OmenError
from omen.state import Cap, Hold, Money

RETRY_SECONDS = 1.0
"""Time until the ledger is read again."""
_UNKNOWN = ":unknown"


class SpendingUnknownError(OmenError):
    """The costs of this month are unknown: the ledger could not be read since the start."""

    status = 503
    code = "spending_unknown"
    retry_after = 2 * RETRY_SECONDS

    def __init__(self) -> None:
        super().__init__(
            "the costs of this month could not be read from the ledger's database yet, so no "
            "budget can pay for this request; try again soon, or use a model that is free"
        )


class KnownMonths:
    """The money of a store, with refusals in a month whose costs are unknown.

    A month that begins while this process runs is known, because its costs are counted from the
    start. With `everything` all months are known: there is no ledger to read.
    """

    def __init__(self, store: Money, *, everything: bool = False) -> None:
        self._store = store
        self._last_unknown = "" if everything else current_month()
        self._loaded: set[str] = set()

    def know(self, month: str) -> None:
        """Record that the store has the costs of a month."""
        self._loaded.add(month)

    def knows(self, month: str) -> bool:
        """Return whether the costs of a month are known."""
        return month in self._loaded or month > self._last_unknown

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Hold money. In an unknown month, refuse it with a scope that `check_known` recognises."""
        for cap in caps:
            month = cap.scope.partition(":")[0]
            if not self.knows(month):
                return Hold(None, f"{month}{_UNKNOWN}")
        return await self._store.hold(hold_id, caps, amounts, lease)

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Release the hold and add the costs. They count even if earlier costs are unknown."""
        await self._store.settle(hold_id, scopes, spent)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the known costs."""
        return await self._store.spent(scopes)

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise the costs to these amounts."""
        await self._store.raise_spent(spent, by)


def check_known(refused_by: str | None) -> None:
    """Check that a hold was not refused because of an unknown month.

    **Raises.** `SpendingUnknownError`.
    """
    if refused_by is not None and refused_by.endswith(_UNKNOWN):
        raise SpendingUnknownError
