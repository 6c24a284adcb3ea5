"""Calls to Redis: at most as many at once as there are connections, each with a timeout."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from coredis.exceptions import RedisError

from omen.state._patience import Patience
from omen.state.store import StoreAwayError

_T = TypeVar("_T")

MOST_CONNECTIONS = 16
"""Calls that run at once. Others wait, and the timeout does not count that wait."""


class Calls:
    """A caller of Redis that limits calls, and renames exceptions."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._turns = trio.CapacityLimiter(MOST_CONNECTIONS)
        self._failures = 0
        self._answers = 0

    async def __call__(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make one call. Repeat it if it exceeds the timeout while other calls get answers.

        So a call must be idempotent: it may be made again although it has taken effect.

        **Raises.** `StoreAwayError` for every failure.
        """
        failures = self._failures
        async with self._turns:
            if self._failures != failures:
                # Redis failed while this call waited: it need not wait for the same timeout.
                raise StoreAwayError("another call failed")
            while True:
                answers = self._answers
                try:
                    with self._patience.bound():
                        result = await call()
                except TimeoutError as error:
                    if self._answers != answers:
                        continue  # other calls got answers: Redis is available, but busy
                    self._failures += 1
                    raise StoreAwayError("it does not answer") from error
                except (RedisError, OSError, ExceptionGroup) as error:
                    self._failures += 1
                    raise StoreAwayError(type(error).__name__) from error
                self._answers += 1
                return result
