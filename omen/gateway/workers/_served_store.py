"""The calls of a store, as the supervisor answers them. The client is `_store.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from omen.gateway.workers._central import CentralStore
from omen.gateway.workers._link import Handler, Result
from omen.state import MOST_SPENT, BucketReport, Cap, Counted, Window, WindowState


class ServedStore:
    """The store as one worker sees it. `by` returns the worker's name. No handler waits."""

    def __init__(self, store: CentralStore, by: Callable[[], str]) -> None:
        self._store = store
        self._by = by

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The handlers, by the names of the calls."""
        handlers: tuple[Handler, ...] = (
            *(self.data_id, self.hold, self.settle, self.spent, self.raise_spent),
            *(self.take, self.count, self.draw, self.get, self.put, self.clear),
            *(self.publish, self.collect, self.describe),
        )
        return {f"store.{handler.__name__}": handler for handler in handlers}

    async def data_id(self, value: Any, blob: bytes) -> Result:
        """Return the id of the data."""
        return Result(blob=self._store.data_id)

    async def hold(self, value: Any, blob: bytes) -> Result:
        """Hold money."""
        hold_id, caps, amounts, lease = value
        limits = [Cap(str(scope), min(int(limit), MOST_SPENT)) for scope, limit in caps]
        hold, known = self._store.hold(self._by(), hold_id, limits, amounts, lease)
        return Result([[hold.granted, hold.refused_by, hold.left], known])

    async def settle(self, value: Any, blob: bytes) -> Result:
        """Release a hold, and raise costs."""
        hold_id, totals = value
        return Result(self._store.settle(self._by(), hold_id, totals))

    async def spent(self, value: Any, blob: bytes) -> Result:
        """Return costs."""
        return Result(self._store.spent(value))

    async def raise_spent(self, value: Any, blob: bytes) -> Result:
        """Raise costs."""
        totals, replica = value
        self._store.raise_spent(self._by() if replica is None else replica, totals)
        return Result()

    async def take(self, value: Any, blob: bytes) -> Result:
        """Count, if all windows have room."""
        states = await self._store.values.take([_window(*window) for window in value])
        return Result([_plain(state) for state in states])

    async def count(self, value: Any, blob: bytes) -> Result:
        """Count in any case."""
        await self._store.values.count([_window(*window) for window in value])
        return Result()

    async def draw(self, value: Any, blob: bytes) -> Result:
        """Report to a token bucket, and renew the worker's lease."""
        bucket, report, lease = value
        store = self._store.values
        return Result(store.draw_for(self._by(), bucket, BucketReport(*report), lease))

    async def get(self, value: Any, blob: bytes) -> Result:
        """Return a value."""
        found = await self._store.values.get(value)
        return Result(found is not None, found or b"")

    async def put(self, value: Any, blob: bytes) -> Result:
        """Store a value."""
        key, ttl = value
        await self._store.values.put(key, blob, ttl)
        return Result()

    async def clear(self, value: Any, blob: bytes) -> Result:
        """Remove values."""
        return Result(await self._store.values.clear(value))

    async def publish(self, value: Any, blob: bytes) -> Result:
        """Publish a value."""
        topic, ttl = value
        self._store.publish(self._by(), topic, blob, ttl)
        return Result()

    async def collect(self, value: Any, blob: bytes) -> Result:
        """Return published values: their workers and lengths, and one after the other."""
        published = self._store.collect(value)
        sizes = [[worker, len(part)] for worker, part in published.items()]
        return Result(sizes, b"".join(published.values()))

    async def describe(self, value: Any, blob: bytes) -> Result:
        """Return how much the store has."""
        values = self._store.values
        return Result({"entries": len(values), "bytes": values.bytes, "evicted": values.evicted})


def _window(scope: str, limit: int, amount: int, at: list[Any] | None) -> Window:
    return Window(scope, limit, amount, None if at is None else Counted(*at))


def _plain(state: WindowState) -> list[Any]:
    return [state.limit, state.left, state.resets_in, state.retry_in, state.counted]
