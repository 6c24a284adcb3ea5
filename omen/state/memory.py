"""A store in this process's memory: for a gateway that is alone, or cut off from the others."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import trio

from omen.state.store import WINDOW_SECONDS, Cap, Hold, Window, WindowState

MOST_BYTES = 64 * 1024 * 1024
"""Of values that are kept; the ones that were used least lately go first."""
_ENTRY_BYTES = 200
"""What a value costs beside its key and its bytes."""


@dataclass(slots=True)
class _Budget:
    spent: int = 0
    held: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By hold: until when, and how much."""
    total_held: int = 0

    def forget(self, now: float) -> None:
        # Holds are made in the order in which their leases end, nearly: the oldest go first.
        for hold_id, (until, _) in list(self.held.items())[:64]:
            if until > now:
                return
            self.release(hold_id)

    def release(self, hold_id: str) -> None:
        _, amount = self.held.pop(hold_id, (0.0, 0))
        self.total_held -= amount


@dataclass(slots=True)
class _Counts:
    """What was counted in each of the last seconds."""

    seconds: deque[list[int]] = field(default_factory=deque)
    total: int = 0

    def forget(self, now: float) -> None:
        while self.seconds and self.seconds[0][0] <= int(now) - WINDOW_SECONDS:
            self.total -= self.seconds.popleft()[1]

    def add(self, now: float, amount: int) -> None:
        self.forget(now)
        if amount == 0:
            return
        if not self.seconds or self.seconds[-1][0] != int(now):
            self.seconds.append([int(now), 0])
        self.seconds[-1][1] += amount
        self.total += amount

    def until_room_for(self, window: Window, now: float) -> float:
        """Say in how many seconds there is room, as far as that can be said."""
        total = self.total
        for second, amount in self.seconds:
            total -= amount
            if total + window.amount <= window.limit:
                return second + WINDOW_SECONDS - now
        return float(WINDOW_SECONDS)

    def until_empty(self, now: float) -> float:
        return self.seconds[-1][0] + WINDOW_SECONDS - now if self.seconds else 0.0


class MemoryStore:
    """See `omen.state.store.Store`. Nothing in it waits, so every call is one step."""

    replica = "self"
    epoch = 0
    replicas = 1

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._budgets: dict[str, _Budget] = {}
        self._rates: dict[str, _Counts] = {}
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
        left = {cap.scope: self._left(cap, now, hold_id) for cap in caps}
        scarcest = min(left, key=lambda scope: left[scope])
        granted = next((amount for amount in amounts if amount <= left[scarcest]), None)
        if granted is None:
            return Hold(None, scarcest, left[scarcest])
        for cap in caps:
            budget = self._budgets[cap.scope]
            budget.release(hold_id)
            budget.held[hold_id] = (now + lease, granted)
            budget.total_held += granted
        return Hold(granted, None, left[scarcest])

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up."""
        for scope in scopes:
            if scope in self._budgets:
                self._budgets[scope].release(hold_id)
        for scope, amount in spent.items():
            self._budgets.setdefault(scope, _Budget()).spent += amount

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Say what was spent."""
        return [self._budgets[s].spent if s in self._budgets else 0 for s in scopes]

    async def raise_spent(self, spent: Mapping[str, int]) -> None:
        """Raise what was spent."""
        for scope, amount in spent.items():
            budget = self._budgets.setdefault(scope, _Budget())
            budget.spent = max(budget.spent, amount)

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if there is room."""
        now = trio.current_time()
        counted = [self._counts(window.scope, now) for window in windows]
        room = [c.total + w.amount <= w.limit for w, c in zip(windows, counted, strict=True)]
        if all(room):
            for window, counts in zip(windows, counted, strict=True):
                counts.add(now, window.amount)
        return [
            WindowState(
                limit=window.limit,
                left=max(0, window.limit - counts.total),
                resets_in=counts.until_empty(now),
                retry_in=None if has_room else counts.until_room_for(window, now),
            )
            for window, counts, has_room in zip(windows, counted, room, strict=True)
        ]

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        now = trio.current_time()
        for window in windows:
            self._counts(window.scope, now).add(now, window.amount)

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
        self._rates.clear()

    def _left(self, cap: Cap, now: float, hold_id: str) -> int:
        budget = self._budgets.setdefault(cap.scope, _Budget())
        budget.forget(now)
        _, own = budget.held.get(hold_id, (0.0, 0))
        return cap.limit - budget.spent - budget.total_held + own

    def _counts(self, scope: str, now: float) -> _Counts:
        counts = self._rates.setdefault(scope, _Counts())
        counts.forget(now)
        return counts

    def _drop(self, key: str) -> None:
        entry = self._values.pop(key, None)
        if entry is not None:
            self.bytes -= _size(key, entry[1])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_BYTES
