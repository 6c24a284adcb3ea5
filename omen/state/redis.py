"""A store in Redis (or Valkey), shared by every replica.

Each step that must not be divided is a script; see `_scripts.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from secrets import token_bytes
from typing import Any, TypeVar

import trio
from coredis import PureToken, Redis
from coredis.exceptions import RedisError
from coredis.retry import NoRetryPolicy

from omen.state import _scripts
from omen.state._patience import Patience
from omen.state.store import Cap, Hold, StoreAwayError, Window, WindowState

_T = TypeVar("_T")

_TAG = "{omen}:"
_KEPT_SECONDS = 70 * 24 * 3600
"""How long what was spent is known: for a month and the next one."""
MOST_CONNECTIONS = 16
"""Calls under way at once; others wait for a turn, and that is not held against Redis."""
_BACKSTOP_SECONDS = 60.0
"""Bounds of the client's own, without which a stopped server hangs it. Ours are tighter."""


@asynccontextmanager
async def open_redis(url: str, replica: str, patience: float) -> AsyncIterator[RedisStore]:
    """Open a store; Redis need not be there. `patience` is in seconds, for each call."""
    client: Redis[bytes] = Redis.from_url(
        url,
        stream_timeout=_BACKSTOP_SECONDS,
        connect_timeout=_BACKSTOP_SECONDS,
        pool_timeout=_BACKSTOP_SECONDS,
        max_connections=MOST_CONNECTIONS,
        retry_policy=NoRetryPolicy(),
    )
    watch = Patience(patience)
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        yield RedisStore(client, replica, watch)
        nursery.cancel_scope.cancel()


class RedisStore:
    """See `omen.state.store.Store`. `replica` names this process among the others."""

    def __init__(self, client: Redis[bytes], replica: str, patience: Patience) -> None:
        self._client = client
        self.replica = replica
        self._patience = patience
        self._turns = trio.CapacityLimiter(MOST_CONNECTIONS)
        self._failures = 0
        self._answers = 0
        self._hold = client.register_script(_scripts.HOLD)
        self._settle = client.register_script(_scripts.SETTLE)
        self._raise = client.register_script(_scripts.RAISE)
        self._take = client.register_script(_scripts.TAKE)
        self.epoch = 0
        self.replicas = 1
        self.known: dict[str, int] = {}
        """What was spent or held by everybody, when this was last heard, by scope."""

    async def memory(self) -> bytes:
        """Name what Redis remembers: another name means that it has forgotten all it knew."""
        name = f"{_TAG}memory"
        await self._ask(lambda: self._client.set(name, token_bytes(16), condition=PureToken.NX))
        return await self._ask(lambda: self._client.get(name)) or b""

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set money aside."""
        keys = [_budget(cap.scope) for cap in caps]
        limits = [cap.limit for cap in caps]
        args: list[str | int | float] = [hold_id, lease, len(caps), *limits, *amounts]
        answer: Sequence[Any] = await self._ask(lambda: self._hold(keys, args))
        granted, scarcest, left, known = answer
        own = int(granted or 0)
        self.known |= {cap.scope: int(sum_) + own for cap, sum_ in zip(caps, known, strict=True)}
        if not granted:
            return Hold(None, caps[int(scarcest) - 1].scope, int(left))
        return Hold(int(granted), None, int(left))

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up; a second time does nothing."""
        keys = [f"{_TAG}settled:{hold_id}", *map(_budget, scopes), *map(_budget, spent)]
        args: list[str | int] = [hold_id, _KEPT_SECONDS, len(scopes), *spent.values()]
        await self._ask(lambda: self._settle(keys, args))

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Say what was spent."""
        if not scopes:
            return []
        keys = [f"{_budget(scope)}:spent" for scope in scopes]
        found = await self._ask(lambda: self._client.mget(keys))
        return [int(value or 0) for value in found]

    async def raise_spent(self, spent: Mapping[str, int]) -> None:
        """Raise what was spent."""
        if spent:
            keys, args = [_budget(s) for s in spent], [_KEPT_SECONDS, *spent.values()]
            await self._ask(lambda: self._raise(keys, args))

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if there is room."""
        return await self._counted(windows, may_refuse=True)

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        await self._counted(windows, may_refuse=False)

    async def get(self, key: str) -> bytes | None:
        """Look a value up."""
        return await self._ask(lambda: self._client.get(_value(key)))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value."""
        await self._ask(lambda: self._client.set(_value(key), value, px=max(1, int(ttl * 1000))))

    async def clear(self, prefix: str) -> int:
        """Forget values. It walks all keys there are, a thousand at a time."""
        count, cursor, pattern = 0, 0, f"{_value(prefix)}*"
        while True:
            cursor, found = await self._scan(cursor, pattern)
            if found:
                count += await self._unlink(found)
            if cursor == 0:
                return count

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Tell the other replicas. When it is no longer true is a part of what is told."""
        until = (await self._ask(self._client.time)).timestamp() + ttl
        said = b"%.3f " % until + value
        key = f"{_TAG}told:{topic}"
        await self._ask(lambda: self._client.hset(key, {self.replica: said}))
        await self._ask(lambda: self._client.expire(key, int(10 * ttl) + 60))

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Hear of all replicas."""
        now = (await self._ask(self._client.time)).timestamp()
        told = await self._ask(lambda: self._client.hgetall(f"{_TAG}told:{topic}"))
        found: dict[str, bytes] = {}
        for replica, said in told.items():
            until, _, value = said.partition(b" ")
            if float(until) > now:
                found[replica.decode()] = value
        return found

    async def _scan(self, cursor: int, pattern: str) -> tuple[int, Sequence[bytes]]:
        return await self._ask(lambda: self._client.scan(cursor, match=pattern, count=1000))

    async def _unlink(self, keys: Sequence[bytes]) -> int:
        return await self._ask(lambda: self._client.unlink(keys))

    async def _counted(
        self, windows: Sequence[Window], *, may_refuse: bool
    ) -> Sequence[WindowState]:
        keys = [f"{_TAG}rate:{window.scope}" for window in windows]
        args = [int(may_refuse)]
        for window in windows:
            args += [window.limit, window.amount]
        states: Sequence[Any] = await self._ask(lambda: self._take(keys, args))
        return [_window_state(w, *state) for w, state in zip(windows, states, strict=True)]

    async def _ask(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make one call. **Raises.** `StoreAwayError`, whatever went wrong."""
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


def _budget(scope: str) -> str:
    return f"{_TAG}budget:{scope}"


def _value(key: str) -> str:
    return f"{_TAG}value:{key}"


def _window_state(window: Window, total: Any, resets: Any, retry: Any) -> WindowState:
    wait = float(retry)
    return WindowState(
        limit=window.limit,
        left=max(0, window.limit - int(total)),
        resets_in=max(0.0, float(resets)),
        retry_in=None if wait < 0 else wait,
    )
