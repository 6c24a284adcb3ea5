"""Calls to Redis: as many at once as there are connections, and each for so long and no longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from coredis.exceptions import RedisError

from omen.state._patience import Patience
from omen.state.store import StoreAwayError

_T = TypeVar("_T")

MOST_CONNECTIONS = 16
"""Calls under way at once; others wait for a turn, and that is not held against Redis."""


class Calls:
    """Makes calls, and renames what goes wrong."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._turns = trio.CapacityLimiter(MOST_CONNECTIONS)
        self._failures = 0
        self._answers = 0

    async def __call__(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make one call; more than once if it is slow while others are answered.

        So a call must be such that it may be made again, although it was done.

        **Raises.** `StoreAwayError`, whatever went wrong.
        """
        failures = self._failures
        async with self._turns:
            if self._failures != failures:
                raise StoreAwayError("another call failed")  # why wait for the same
            while True:
                answers = self._answers
                try:
                    with self._patience.bound():
                        answer = await call()
                except TimeoutError as error:
                    if self._answers != answers:
                        continue  # others were answered meanwhile: it is there, and has much to do
                    self._failures += 1
                    raise StoreAwayError("it does not answer") from error
                except (RedisError, OSError, ExceptionGroup) as error:
                    self._failures += 1
                    raise StoreAwayError(type(error).__name__) from error
                self._answers += 1
                return answer
