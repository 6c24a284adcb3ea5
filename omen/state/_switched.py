"""The part of a shared store that is about limits and values: Redis, else the one in memory."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import trio

from omen.state.memory import MemoryStore
from omen.state.store import StoreAwayError, Window, WindowState

if TYPE_CHECKING:
    from omen.state.redis import RedisStore

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class Switched(ABC):
    """Asks `remote` until it is away, and then `local`, until somebody finds that it is back."""

    def __init__(self, remote: RedisStore, local: MemoryStore) -> None:
        self._remote = remote
        self._local = local
        self.away_since: float | None = None
        """On trio's clock; None while Redis answers."""
        self.replicas = 1
        """How many were seen last."""
        self.outages = 0

    @property
    def replica(self) -> str:
        """What this process is called among the others."""
        return self._remote.replica

    @property
    def is_away(self) -> bool:
        """Whether each replica is on its own now."""
        return self.away_since is not None

    @abstractmethod
    def _begin_alone(self) -> None:
        """Prepare the store in memory for a time without Redis."""

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if there is room."""
        return await self._either(
            lambda: self._remote.take(windows), lambda: self._local.take(self._shares(windows))
        )

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case. What was counted in Redis is given back there, or not at all."""
        await self._either(
            lambda: self._remote.count(windows), lambda: self._local.count(self._shares(windows))
        )

    async def get(self, key: str) -> bytes | None:
        """Look a value up."""
        return await self._either(lambda: self._remote.get(key), lambda: self._local.get(key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value."""
        await self._either(
            lambda: self._remote.put(key, value, ttl), lambda: self._local.put(key, value, ttl)
        )

    async def clear(self, prefix: str) -> int:
        """Forget values, here as well: they may be older than what others said since."""
        here = await self._local.clear(prefix)
        return here + await self._either(lambda: self._remote.clear(prefix), _none_cleared)

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Tell the other replicas, if they can be told."""
        await self._either(lambda: self._remote.publish(topic, value, ttl), _nothing)

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Hear of the other replicas; of nobody while cut off."""
        return await self._either(lambda: self._remote.collect(topic), _nobody)

    async def _either(
        self, remote: Callable[[], Awaitable[_T]], local: Callable[[], Awaitable[_T]]
    ) -> _T:
        if not self.is_away:
            try:
                return await remote()
            except StoreAwayError as error:
                self._leave(error)
        return await local()

    def _leave(self, error: StoreAwayError) -> None:
        if self.away_since is None:
            self.away_since = trio.current_time()
            self.outages += 1
            self._begin_alone()
            share = f"one of {self.replicas}" if self.replicas > 1 else "all"
            logger.warning("redis is away (%s): keeping limits alone, %s of each", error, share)

    def _shares(self, windows: Sequence[Window]) -> list[Window]:
        return [Window(w.scope, max(1, w.limit // self.replicas), w.amount, w.at) for w in windows]


async def _nothing() -> None:
    return None


async def _none_cleared() -> int:
    return 0


async def _nobody() -> Mapping[str, bytes]:
    return {}
