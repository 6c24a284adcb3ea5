"""A store in this process's memory: for a single gateway, and for outages of Redis."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from math import inf

import trio

from omen.state._budget import Budget
from omen.state._counts import Counts
from omen.state._token_bucket import TokenBucket
from omen.state.store import BucketReport, Cap, Counted, Hold, Window, WindowState

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of stored values. The least recently used values are evicted first."""
MOST_SETTLED = 100_000
"""Ids that are remembered as settled. A late call for such an id comes soon, or never."""
_ENTRY_BYTES = 200
"""Bytes that a value takes in addition to its key and its content."""


class MemoryStore:
    """See `omen.state.store.Store`. No method has a checkpoint, so every call is atomic."""

    epoch = 0
    replicas = 1

    def __init__(self, most_bytes: int = MOST_BYTES, replica: str | None = None) -> None:
        self.replica = replica or secrets.token_hex(8)
        self._budgets: dict[str, Budget] = {}
        self._scopes_of: dict[str, list[str]] = {}
        """The scopes in which an id has holds."""
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._rates: dict[str, Counts] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._place = secrets.token_hex(4)
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._published: dict[str, tuple[float, bytes]] = {}
        self._most_bytes = most_bytes
        self.bytes = 0
        """The size of the stored values."""
        self.evicted = 0

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._values)} values, {self.bytes} bytes>"

    def __len__(self) -> int:
        return len(self._values)

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Hold money."""
        now = trio.current_time()
        left = {cap.scope: self._left(cap, hold_id, now) for cap in caps}
        scarcest = min(left, key=lambda scope: left[scope])
        fitting = (amount for amount in amounts if amount <= left[scarcest])
        granted = None if hold_id in self._settled else next(fitting, None)
        if granted is None:
            return Hold(None, scarcest, left[scarcest])
        self.adopt(hold_id, list(left), granted, lease)
        return Hold(granted, None, left[scarcest])

    def adopt(self, hold_id: str, scopes: Sequence[str], amount: int, lease: float) -> None:
        """Hold an amount in these scopes, even beyond the limit. It replaces an earlier hold."""
        self._release(hold_id)
        for scope in scopes:
            self._budget(scope).hold(hold_id, amount, trio.current_time() + lease)
        self._scopes_of[hold_id] = list(scopes)

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Release the hold and add the costs."""
        self.book(hold_id, spent)

    def book(self, hold_id: str, spent: Mapping[str, int]) -> None:
        """Release the hold of an id and add its costs, once per id."""
        self._release(hold_id)
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self._budget(scope).spend(amount)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the costs."""
        return [self._budgets[s].spent if s in self._budgets else 0 for s in scopes]

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise the costs of a replica."""
        for scope, amount in spent.items():
            if by is None or by == self.replica:
                self._budget(scope).raise_own(amount)
            else:
                self._budget(scope).raise_other(by, amount)

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if all windows have room."""
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

    async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
        """Report to a token bucket, and renew the lease."""
        return self.draw_for(self.replica, bucket, report, lease)

    def draw_for(self, replica: str, bucket: str, report: BucketReport, lease: float) -> int:
        """Report to a token bucket for one of several replicas, and renew its lease."""
        tokens = self._buckets.setdefault(bucket, TokenBucket(report.size))
        return tokens.draw(replica, report, lease, trio.current_time())

    async def get(self, key: str) -> bytes | None:
        """Return a value."""
        until, value = self._values.get(key, (0.0, b""))
        if key not in self._values:
            return None
        if until <= trio.current_time():
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Store a value. A value that is larger than the whole limit is not stored."""
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
        """Remove values."""
        keys = [key for key in self._values if key.startswith(prefix)]
        for key in keys:
            self._drop(key)
        return len(keys)

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Publish a value. There are no other replicas."""
        self._published[topic] = (trio.current_time() + ttl, value)

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Return the published value of this replica."""
        until, value = self._published.get(topic, (0.0, b""))
        return {self.replica: value} if until > trio.current_time() else {}

    def forget_budgets(self) -> None:
        """Drop all budgets and rates: they belonged to an outage that is over."""
        self._budgets.clear()
        self._scopes_of.clear()
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
        for scope in self._scopes_of.pop(hold_id, ()):
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
