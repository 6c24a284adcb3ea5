"""The state that a replica must report to Redis: its holds, its costs, and its ended requests.

The costs are a sum per scope since the start of the process, and the sum is reported. So the costs
count once, however often they are reported, and a Redis that lost its data gets all of them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import trio

from omen.state._remote import Remote
from omen.state.store import MOST_SPENT, Cap, StoreAwayError

MOST_NOTES = 100_000
"""Notes about requests that ended while Redis was unavailable. Further requests get no note: their
holds in Redis end with their leases. Their costs are not lost."""
MOST_SETTLED = 100_000
"""Ids that are remembered as settled."""
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Running:
    """The hold of a running request."""

    scopes: tuple[str, ...]
    amount: int
    until: float
    """The end of the lease, on trio's clock."""

    @property
    def lease(self) -> float:
        """The seconds until the lease ends."""
        return max(0.0, self.until - trio.current_time())


@dataclass(frozen=True, slots=True)
class _Note:
    hold_id: str
    scopes: Sequence[str]


class Arrears:
    """The holds and costs of this replica, and the part of them that Redis does not have yet."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.running: dict[str, Running] = {}
        """The holds of this replica's running requests, by id."""
        self.spent: dict[str, int] = {}
        """The costs of this replica, by scope."""
        self.notes: deque[_Note] = deque()
        self.lost_notes = 0
        self._unreported: set[str] = set()
        """Scopes whose costs are higher than the last report."""
        self._settled: OrderedDict[str, None] = OrderedDict()

    def settle(self, hold_id: str, spent: Mapping[str, int]) -> None:
        """Add the costs of a request, once per id."""
        self.running.pop(hold_id, None)
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self.spent[scope] = min(self.spent.get(scope, 0) + amount, MOST_SPENT)

    def note(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Queue a note about a settled request for Redis."""
        self._unreported.update(spent)
        if len(self.notes) < MOST_NOTES:
            self.notes.append(_Note(hold_id, scopes))
        else:
            self.lost_notes += 1

    def drop_ended(self) -> None:
        """Remove the holds whose leases have ended."""
        now = trio.current_time()
        for hold_id in [i for i, hold in self.running.items() if hold.until <= now]:
            del self.running[hold_id]

    async def report(self) -> None:
        """Report the costs, and after that the release of their holds.

        In the opposite order, the money would be neither held nor spent for a moment, and another
        replica could spend it again.

        **Raises.** `StoreAwayError`. The next call reports the rest.
        """
        unreported = {scope: self.spent[scope] for scope in self._unreported}
        if unreported:
            await self._remote.raise_spent(unreported)
            # A scope whose costs have grown during the await stays unreported.
            self._unreported -= {s for s, amount in unreported.items() if self.spent[s] == amount}
        while batch := list(islice(self.notes, _AT_ONCE)):
            await _call_all(
                [partial(self._remote.settle, note.hold_id, note.scopes, {}) for note in batch]
            )
            for _ in batch:
                self.notes.popleft()

    async def report_all(self) -> None:
        """Report all costs to a Redis that lost its data. **Raises.** `StoreAwayError`."""
        await self._remote.raise_spent(self.spent)

    async def hold_again(self, before: Mapping[str, Running]) -> Mapping[str, Running]:
        """Report the holds that are not in `before` to Redis, and return all holds.

        Redis grants them even beyond the limit: the requests are running and will cost money.
        **Raises.** `StoreAwayError`.
        """
        running = dict(self.running)
        holds = [(i, hold) for i, hold in running.items() if hold.lease and before.get(i) != hold]
        for start in range(0, len(holds), _AT_ONCE):
            await _call_all(
                [partial(self._hold, i, hold) for i, hold in holds[start : start + _AT_ONCE]]
            )
        return running

    async def _hold(self, hold_id: str, hold: Running) -> None:
        caps = [Cap(scope, MOST_SPENT) for scope in hold.scopes]
        await self._remote.hold(hold_id, caps, [hold.amount], hold.lease)


async def _call_all(calls: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Make calls concurrently. If some fail, raise the first failure after all have ended."""
    failed: list[StoreAwayError] = []

    async def make(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except StoreAwayError as error:
            failed.append(error)

    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(make, call)
    if failed:
        raise failed[0]
