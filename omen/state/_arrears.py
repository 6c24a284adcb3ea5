"""What a replica has to tell Redis: what it has set aside, what it has spent, and what has ended.

What was spent is kept as a sum for each scope, from the beginning of the process, and it is the sum
that is told. So it counts once, however often it is told, and it is told in full to a Redis that
has forgotten.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import trio

from omen.state.store import MOST_SPENT, Cap, StoreAwayError

if TYPE_CHECKING:
    from omen.state.redis import RedisStore

MOST_NOTES = 100_000
"""Of requests that ended while Redis was away. Further ones are not noted: what was set aside for
them in Redis is given back with its lease. What they spent is not lost."""
MOST_SETTLED = 100_000
"""Ids that are known to be settled."""
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Running:
    """What a request has set aside."""

    scopes: tuple[str, ...]
    amount: int
    until: float
    """On trio's clock."""

    @property
    def lease(self) -> float:
        """The seconds it is held yet."""
        return max(0.0, self.until - trio.current_time())


@dataclass(frozen=True, slots=True)
class _Note:
    hold_id: str
    scopes: Sequence[str]


class Arrears:
    """Keeps what Redis has to hear, and tells it."""

    def __init__(self, remote: RedisStore) -> None:
        self._remote = remote
        self.running: dict[str, Running] = {}
        """What is set aside for requests of this replica's that run, by hold."""
        self.spent: dict[str, int] = {}
        """What this replica has spent, by scope."""
        self.notes: deque[_Note] = deque()
        self.lost_notes = 0
        self._untold: set[str] = set()
        """Scopes under which more was spent than Redis has heard of."""
        self._settled: OrderedDict[str, None] = OrderedDict()

    def settle(self, hold_id: str, spent: Mapping[str, int]) -> None:
        """Count what a request has spent, once."""
        self.running.pop(hold_id, None)
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self.spent[scope] = min(self.spent.get(scope, 0) + amount, MOST_SPENT)

    def note(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Have Redis hear later of a request that was settled."""
        self._untold.update(spent)
        if len(self.notes) < MOST_NOTES:
            self.notes.append(_Note(hold_id, scopes))
        else:
            self.lost_notes += 1

    def drop_ended(self) -> None:
        """Forget what is set aside beyond its lease."""
        now = trio.current_time()
        for hold_id in [i for i, one in self.running.items() if one.until <= now]:
            del self.running[hold_id]

    async def tell(self) -> None:
        """Tell what was spent, and only then that it is held no longer.

        **Raises.** `StoreAwayError`. What was not told is told the next time.
        """
        untold = {scope: self.spent[scope] for scope in self._untold}
        if untold:
            await self._remote.raise_spent(untold)
            # What was spent while it was told is untold still.
            self._untold -= {s for s, amount in untold.items() if self.spent[s] == amount}
        while some := list(islice(self.notes, _AT_ONCE)):
            await _all([partial(self._remote.settle, n.hold_id, n.scopes, {}) for n in some])
            for _ in some:
                self.notes.popleft()

    async def tell_all(self) -> None:
        """Tell everything that was spent, to a Redis that has forgotten. **Raises.** As above."""
        await self._remote.raise_spent(self.spent)

    async def hold_again(self, before: Mapping[str, Running]) -> Mapping[str, Running]:
        """Have Redis hold what is set aside, but for what it was told `before`; return it all.

        It is held whether there is room for it or not: it is spent as it is. **Raises.** As above.
        """
        running = dict(self.running)
        holds = [(i, one) for i, one in running.items() if one.lease and before.get(i) != one]
        for start in range(0, len(holds), _AT_ONCE):
            await _all([partial(self._hold, i, one) for i, one in holds[start : start + _AT_ONCE]])
        return running

    async def _hold(self, hold_id: str, one: Running) -> None:
        caps = [Cap(scope, MOST_SPENT) for scope in one.scopes]
        await self._remote.hold(hold_id, caps, [one.amount], one.lease)


async def _all(calls: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Make calls at once; when some fail, raise what the first of them raised."""
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
