"""The shared store's limits and values: in Redis, otherwise in memory."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import trio

from omen.state._remote import Remote
from omen.state.memory import MemoryStore
from omen.state.store import BucketReport, StoreAwayError, Window, WindowState

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class Switched(ABC):
    """A store that calls `remote`, and `local` while `remote` is marked as unavailable."""

    def __init__(self, remote: Remote, local: MemoryStore) -> None:
        self._remote = remote
        self._local = local
        self.away_since: float | None = None
        """The start of the outage on trio's clock; None while Redis answers."""
        self.replicas = 1
        """The last known number of replicas."""
        self.outages = 0

    @property
    def kind(self) -> str:
        """The name of the store outside this process: "redis", or "supervisor"."""
        return self._remote.kind

    @property
    def replica(self) -> str:
        """The name of this process among the replicas."""
        return self._remote.replica

    @property
    def is_away(self) -> bool:
        """Whether Redis is unavailable, so that this replica uses its local store."""
        return self.away_since is not None

    @abstractmethod
    def _begin_alone(self) -> None:
        """Prepare the store in memory for an outage of Redis."""

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if all windows have room."""
        return await self._either(
            lambda: self._remote.take(windows), lambda: self._local.take(self._shares(windows))
        )

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case. A count in Redis is corrected in Redis, or not at all."""
        await self._either(
            lambda: self._remote.count(windows), lambda: self._local.count(self._shares(windows))
        )

    async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
        """Report to a token bucket, and renew the lease. During an outage there is none."""
        return await self._either(lambda: self._remote.draw(bucket, report, lease), _no_bucket)

    async def get(self, key: str) -> bytes | None:
        """Return a value."""
        return await self._either(lambda: self._remote.get(key), lambda: self._local.get(key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Store a value."""
        await self._either(
            lambda: self._remote.put(key, value, ttl), lambda: self._local.put(key, value, ttl)
        )

    async def clear(self, prefix: str) -> int:
        """Remove values, in the local store, too: they would be outdated in the next outage."""
        here = await self._local.clear(prefix)
        return here + await self._either(lambda: self._remote.clear(prefix), _none_cleared)

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Publish a value to the other replicas. During an outage it is dropped."""
        await self._either(lambda: self._remote.publish(topic, value, ttl), _nothing)

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Return the published values of all replicas; none during an outage."""
        return await self._either(lambda: self._remote.collect(topic), _nobody)

    async def _either(
        self, remote: Callable[[], Awaitable[_T]], local: Callable[[], Awaitable[_T]]
    ) -> _T:
        if not self.is_away:
            try:
                return await remote()
            except StoreAwayError as error:
                self._mark_away(error)
        return await local()

    def _mark_away(self, error: StoreAwayError) -> None:
        if self.away_since is None:
            self.away_since = trio.current_time()
            self.outages += 1
            self._begin_alone()
            share = f"one of {self.replicas}" if self.replicas > 1 else "all"
            text = "%s is unavailable (%s): limits are local, %s of each"
            logger.warning(text, self.kind, error, share)

    def _shares(self, windows: Sequence[Window]) -> list[Window]:
        return [Window(w.scope, max(1, w.limit // self.replicas), w.amount, w.at) for w in windows]


async def _nothing() -> None:
    return None


async def _no_bucket() -> None:
    return None


async def _none_cleared() -> int:
    return 0


async def _nobody() -> Mapping[str, bytes]:
    return {}
