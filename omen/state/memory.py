"""A store in this process's memory: for a gateway that is alone, or cut off from the others."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from math import inf

import trio

from omen.state._budget import Budget
from omen.state._counts import Counts
from omen.state.store import Cap, Counted, Hold, Window, WindowState

MOST_BYTES = 64 * 1024 * 1024
"""Of values that are kept; the ones that were used least lately go first."""
MOST_SETTLED = 100_000
"""Ids that are known to be settled. They are asked for again at once, or never."""
_ENTRY_BYTES = 200
"""What a value costs beside its key and its bytes."""


class MemoryStore:
    """See `omen.state.store.Store`. Nothing in it waits, so every call is one step."""

    epoch = 0
    replicas = 1

    def __init__(self, most_bytes: int = MOST_BYTES, replica: str | None = None) -> None:
        self.replica = replica or secrets.token_hex(8)
        self._budgets: dict[str, Budget] = {}
        self._under: dict[str, list[str]] = {}
        """Under which scopes an id holds something."""
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._rates: dict[str, Counts] = {}
        self._place = secrets.token_hex(4)
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._published: dict[str, tuple[float, bytes]] = {}
        self._most_bytes = most_bytes
        self.bytes = 0
        """What the values take."""
        self.evicted = 0

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._values)} values, {self.bytes} bytes>"

    def __len__(self) -> int:
        return len(self._values)

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set money aside."""
        now = trio.current_time()
        left = {cap.scope: self._left(cap, hold_id, now) for cap in caps}
        scarcest = min(left, key=lambda scope: left[scope])
        fitting = (amount for amount in amounts if amount <= left[scarcest])
        granted = None if hold_id in self._settled else next(fitting, None)
        if granted is None:
            return Hold(None, scarcest, left[scarcest])
        self.keep(hold_id, list(left), granted, lease)
        return Hold(granted, None, left[scarcest])

    def keep(self, hold_id: str, scopes: Sequence[str], amount: int, lease: float) -> None:
        """Hold an amount under these scopes, whether it fits or not, in place of what was held."""
        self._release(hold_id)
        for scope in scopes:
            self._budget(scope).hold(hold_id, amount, trio.current_time() + lease)
        self._under[hold_id] = list(scopes)

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up."""
        self.book(hold_id, spent)

    def book(self, hold_id: str, spent: Mapping[str, int]) -> None:
        """Give back what an id holds and add what was spent, once."""
        self._release(hold_id)
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self._budget(scope).spend(amount)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return what was spent."""
        return [self._budgets[s].spent if s in self._budgets else 0 for s in scopes]

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise what was spent."""
        for scope, amount in spent.items():
            if by is None or by == self.replica:
                self._budget(scope).raise_own(amount)
            else:
                self._budget(scope).raise_other(by, amount)

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if there is room."""
        now = trio.current_time()
        counted = [self._counts(window.scope, now) for window in windows]
        room = [c.total + w.amount <= w.limit for w, c in zip(windows, counted, strict=True)]
        if all(room):
            self._count(windows, now)
        return [
            WindowState(
                limit=window.limit,
                left=max(0, window.limit - counts.total),
                resets_in=counts.until_empty(now),
                retry_in=None if has_room else counts.until_room_for(window, now),
                counted=Counted(self._place, int(now)) if all(room) else None,
            )
            for window, counts, has_room in zip(windows, counted, room, strict=True)
        ]

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        self._count(windows, trio.current_time())

    async def get(self, key: str) -> bytes | None:
        """Look a value up."""
        until, value = self._values.get(key, (0.0, b""))
        if key not in self._values:
            return None
        if until <= trio.current_time():
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value; one that is larger than all there is room for is not kept."""
        self._drop(key)
        size = _size(key, value)
        if size > self._most_bytes:
            return
        self._values[key] = (trio.current_time() + ttl, value)
        self.bytes += size
        while self.bytes > self._most_bytes:
            self._drop(next(iter(self._values)))
            self.evicted += 1

    async def clear(self, prefix: str) -> int:
        """Forget values."""
        found = [key for key in self._values if key.startswith(prefix)]
        for key in found:
            self._drop(key)
        return len(found)

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Tell the other replicas: there are none."""
        self._published[topic] = (trio.current_time() + ttl, value)

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Hear of replicas: of this one."""
        until, value = self._published.get(topic, (0.0, b""))
        return {self.replica: value} if until > trio.current_time() else {}

    def forget_budgets(self) -> None:
        """Begin anew with money and rates: what was kept here was for a time that is over."""
        self._budgets.clear()
        self._under.clear()
        self._settled.clear()
        self._rates.clear()
        self._place = secrets.token_hex(4)

    def _budget(self, scope: str) -> Budget:
        return self._budgets.setdefault(scope, Budget())

    def _left(self, cap: Cap, hold_id: str, now: float) -> int:
        budget = self._budget(cap.scope)
        budget.forget(now)
        _, own = budget.held.get(hold_id, (inf, 0))
        return cap.limit - budget.spent - budget.total_held + own

    def _release(self, hold_id: str) -> None:
        for scope in self._under.pop(hold_id, ()):
            self._budgets[scope].release(hold_id)

    def _counts(self, scope: str, now: float) -> Counts:
        counts = self._rates.setdefault(scope, Counts())
        counts.forget(now)
        return counts

    def _count(self, windows: Iterable[Window], now: float) -> None:
        for window in windows:
            counts = self._counts(window.scope, now)
            if window.at is None:
                counts.add(now, window.amount)
            elif window.at.place == self._place:
                counts.correct(now, window.amount, window.at.second)

    def _drop(self, key: str) -> None:
        entry = self._values.pop(key, None)
        if entry is not None:
            self.bytes -= _size(key, entry[1])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_BYTES
