"""A store in the supervisor, as a worker uses it: the third implementation of `Store`.

Each atomic step is one call over the worker's link. While the supervisor does not answer, every
call raises `StoreAwayError`, and `SharedStore` uses the worker's own memory, as without Redis.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from omen.gateway.workers._link import LinkError, Result
from omen.state import (
    MOST_SPENT,
    BucketReport,
    Cap,
    Counted,
    Hold,
    Known,
    Patience,
    StoreAwayError,
    Window,
    WindowState,
)

MOST_SETTLED = 200_000
"""Ids that are remembered as counted."""
MOST_AT_ONCE = 5_000
"""Scopes in one call. While the supervisor counts, it serves no other worker."""


class Caller(Protocol):
    """Makes calls to the supervisor. **Raises.** `LinkError`."""

    async def call(self, name: str, value: Any = None, blob: bytes = b"") -> Result: ...


class SocketStore:
    """See `omen.state.Store`. `replica` is the name of this worker among all workers.

    The costs of this worker are summed here, and the sum is sent. So a late call does no harm.
    """

    kind = "supervisor"

    def __init__(self, caller: Caller, replica: str, patience: Patience) -> None:
        self._caller = caller
        self._patience = patience
        self.replica = replica
        self.epoch = 0
        self.replicas = 1
        self.own: dict[str, int] = {}
        """The costs of this worker, by scope, since its start."""
        self.known: dict[str, Known] = {}
        """The last known state of the other workers, by scope."""
        self._settled: OrderedDict[str, None] = OrderedDict()

    async def data_id(self) -> bytes:
        """Return the id of the store's data. A supervisor that was started again has another."""
        return (await self._call("data_id")).blob

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Hold money."""
        scopes = [cap.scope for cap in caps]
        limits = [[cap.scope, cap.limit] for cap in caps]
        result = await self._call("hold", [hold_id, limits, list(amounts), lease])
        hold, known = result.value
        self._update_known(scopes, known)
        return Hold(*hold)

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Release the hold and add the costs. A repeated call only sends the sums again."""
        self._add_up(hold_id, spent)
        totals = {scope: self.own[scope] for scope in spent}
        self._update_known(totals, (await self._call("settle", [hold_id, totals])).value)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the costs."""
        found: Sequence[int] = (await self._call("spent", list(scopes))).value
        return [min(amount, MOST_SPENT) for amount in found]

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise the costs of a replica."""
        totals = {scope: min(amount, MOST_SPENT) for scope, amount in spent.items()}
        if by is None:
            for scope, amount in totals.items():
                self.own[scope] = max(self.own.get(scope, 0), amount)
        costs = list(totals.items())
        for start in range(0, len(costs), MOST_AT_ONCE):
            await self._call("raise_spent", [dict(costs[start : start + MOST_AT_ONCE]), by])

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if all windows have room."""
        states = (await self._call("take", [_plain(window) for window in windows])).value
        return [_window_state(*state) for state in states]

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        await self._call("count", [_plain(window) for window in windows])

    async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
        """Report to a token bucket, and renew the lease."""
        return int((await self._call("draw", [bucket, list(report), lease])).value)

    async def get(self, key: str) -> bytes | None:
        """Return a value."""
        is_there, value = await self._call("get", key)
        return value if is_there else None

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Store a value."""
        await self._call("put", [key, ttl], value)

    async def clear(self, prefix: str) -> int:
        """Remove values."""
        return int((await self._call("clear", prefix)).value)

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Publish a value to the other workers."""
        await self._call("publish", [topic, ttl], value)

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Return the published values of all workers."""
        sizes, blob = await self._call("collect", topic)
        found, start = dict[str, bytes](), 0
        for worker, size in sizes:
            found[worker] = blob[start : start + size]
            start += size
        return found

    async def _call(self, name: str, value: Any = None, blob: bytes = b"") -> Result:
        try:
            with self._patience.bound():
                return await self._caller.call(f"store.{name}", value, blob)
        except LinkError as error:
            raise StoreAwayError(str(error)) from error
        except TimeoutError as error:
            raise StoreAwayError("it does not answer") from error

    def _add_up(self, hold_id: str, spent: Mapping[str, int]) -> None:
        for scope in spent:
            self.own.setdefault(scope, 0)
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self.own[scope] = min(self.own[scope] + amount, MOST_SPENT)

    def _update_known(self, scopes: Iterable[str], states: Sequence[Sequence[int]]) -> None:
        for scope, state in zip(scopes, states, strict=True):
            self.known[scope] = Known(*state)


def _plain(window: Window) -> list[Any]:
    at = None if window.at is None else list(window.at)
    return [window.scope, window.limit, window.amount, at]


def _window_state(
    limit: int, left: int, resets_in: float, retry_in: float | None, counted: Any
) -> WindowState:
    return WindowState(limit, left, resets_in, retry_in, Counted(*counted) if counted else None)
