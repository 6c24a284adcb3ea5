"""A store in Redis (or Valkey), shared by every replica.

Each atomic step is a script; see `_scripts.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from secrets import token_hex
from typing import Any

import trio
from coredis import PureToken, Redis
from coredis.retry import NoRetryPolicy

from omen.state import _scripts
from omen.state._calls import MOST_CONNECTIONS, Calls
from omen.state._patience import Patience
from omen.state.store import (
    MOST_SPENT,
    BucketReport,
    Cap,
    Counted,
    Hold,
    Known,
    StoreAwayError,
    Window,
    WindowState,
)

_TAG = "{omen}:"
_KEPT_SECONDS = 70 * 24 * 3600
"""How long costs are stored: for their month and the next one."""
_PLACE = "redis"
MOST_AT_ONCE = 500
"""Scopes in one call. While a script runs, Redis serves no other client."""
MOST_SETTLED = 200_000
"""Ids that are remembered as counted. It must exceed the number of notes in `Arrears`."""
_BACKSTOP_SECONDS = 60.0
"""Timeouts of the client library, without which a stopped server blocks it. Ours are shorter."""


@asynccontextmanager
async def open_redis(url: str, replica: str, patience: float) -> AsyncIterator[RedisStore]:
    """Open a store. Redis need not be available. `patience` is the timeout of a call in seconds."""
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
    """See `omen.state.store.Store`. `replica` is the name of this process among the replicas.

    The costs of this replica are summed here, by scope and since the start of the process. The sum
    is sent to Redis, so a repeated, late or reordered call does no harm.
    """

    kind = "redis"

    def __init__(self, client: Redis[bytes], replica: str, patience: Patience) -> None:
        self._client = client
        self.replica = replica
        self._call = Calls(patience)
        self._hold = client.register_script(_scripts.HOLD)
        self._settle = client.register_script(_scripts.SETTLE)
        self._raise = client.register_script(_scripts.RAISE)
        self._take = client.register_script(_scripts.TAKE)
        self._draw = client.register_script(_scripts.DRAW)
        self._collect = client.register_script(_scripts.COLLECT)
        self._data_id = ""
        self._sequence = count(1)
        self._scopes_of: dict[str, tuple[str, ...]] = {}
        """The scopes in which an id may have a hold."""
        self._settled: OrderedDict[str, None] = OrderedDict()
        self.epoch = 0
        self.replicas = 1
        self.own: dict[str, int] = {}
        """The costs of this replica, by scope, since the start of its process."""
        self.known: dict[str, Known] = {}
        """The last known state of the other replicas, by scope."""

    async def data_id(self) -> bytes:
        """Return the id of the data in Redis. Another id means that Redis lost all of its data.

        Later holds are refused by a Redis whose data have another id.
        """
        name = f"{_TAG}memory"
        await self._call(lambda: self._client.set(name, token_hex(16), condition=PureToken.NX))
        data_id = await self._call(lambda: self._client.get(name)) or b""
        self._data_id = data_id.decode(errors="replace")
        return data_id

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Hold money."""
        scopes = tuple(cap.scope for cap in caps)
        former = [scope for scope in self._scopes_of.get(hold_id, ()) if scope not in scopes]
        # Recorded before the await: a call that is cancelled may have taken effect, and `settle`
        # must then release it in all of these scopes.
        self._scopes_of[hold_id] = (*scopes, *former)
        limits = [min(cap.limit, MOST_SPENT // 2) for cap in caps]
        keys = [_settled(hold_id), f"{_TAG}memory", *map(_budget, self._scopes_of[hold_id])]
        owner: list[str | int | float] = [hold_id, self.replica, next(self._sequence), lease]
        args = [*owner, self._data_id, len(caps), *limits, *amounts]
        answer: Sequence[Any] = await self._call(lambda: self._hold(keys, args))
        if len(answer) < 2:
            raise StoreAwayError("it lost its data")
        granted, scarcest, left, states = answer
        self._update_known(scopes, states)
        if not granted:
            return Hold(None, scopes[int(scarcest) - 1], int(left))
        return Hold(int(granted), None, int(left))

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Release the hold and add the costs. A repeated call only sends the sums again."""
        self._add_up(hold_id, spent)
        held = {*scopes, *self._scopes_of.pop(hold_id, ())}
        keys = [_settled(hold_id), *map(_budget, held), *map(_budget, spent)]
        totals = [self.own[scope] for scope in spent]
        args: list[str | int] = [hold_id, self.replica, _KEPT_SECONDS, len(held), *totals]
        self._update_known(spent, await self._call(lambda: self._settle(keys, args)))

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the costs."""
        if not scopes:
            return []
        keys = [f"{_budget(scope)}:spent" for scope in scopes]
        values = await self._call(lambda: self._client.mget(keys))
        return [int(value or 0) for value in values]

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise the costs of a replica."""
        if by is None:
            for scope, amount in spent.items():
                self.own[scope] = max(self.own.get(scope, 0), min(amount, MOST_SPENT))
        costs = list(spent.items())
        for start in range(0, len(costs), MOST_AT_ONCE):
            await self._raise_some(costs[start : start + MOST_AT_ONCE], by)

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if all windows have room."""
        return await self._counted(windows, may_refuse=True)

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        counted_here = [w for w in windows if w.at is None or w.at.place == _PLACE]
        if counted_here:
            await self._counted(counted_here, may_refuse=False)

    async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
        """Report to a token bucket, and renew the lease."""
        keys: list[str] = [f"{_TAG}bucket:{bucket}"]
        args: list[str | int | float] = [self.replica, lease, *report]
        return int(await self._call(lambda: self._draw(keys, args)))

    async def get(self, key: str) -> bytes | None:
        """Return a value."""
        return await self._call(lambda: self._client.get(_value(key)))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Store a value."""
        await self._call(lambda: self._client.set(_value(key), value, px=max(1, int(ttl * 1000))))

    async def clear(self, prefix: str) -> int:
        """Remove values. This scans all keys of Redis, a thousand at a time."""
        count, cursor, pattern = 0, 0, f"{_value(prefix)}*"
        while True:
            cursor, keys = await self._scan(cursor, pattern)
            if keys:
                count += await self._unlink(keys)
            if cursor == 0:
                return count

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Publish a value to the other replicas. Its expiry, by Redis' clock, is a part of it."""
        until = (await self._call(self._client.time)).timestamp() + ttl
        message = b"%.3f " % until + value
        key = f"{_TAG}told:{topic}"
        await self._call(lambda: self._client.hset(key, {self.replica: message}))
        await self._call(lambda: self._client.expire(key, int(10 * ttl) + 60))

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Return the published values of all replicas."""
        key = f"{_TAG}told:{topic}"
        pieces: Sequence[bytes] = await self._call(lambda: self._collect([key], []))
        pairs = zip(pieces[::2], pieces[1::2], strict=True)
        return {replica.decode(): value for replica, value in pairs}

    async def _scan(self, cursor: int, pattern: str) -> tuple[int, Sequence[bytes]]:
        return await self._call(lambda: self._client.scan(cursor, match=pattern, count=1000))

    async def _unlink(self, keys: Sequence[bytes]) -> int:
        return await self._call(lambda: self._client.unlink(keys))

    async def _counted(
        self, windows: Sequence[Window], *, may_refuse: bool
    ) -> Sequence[WindowState]:
        # A slow call is repeated. The mark has an id of this call, so that it counts only once.
        keys = [f"{_TAG}once:{token_hex(8)}", *(f"{_TAG}rate:{window.scope}" for window in windows)]
        args: list[int | str] = [int(may_refuse)]
        for window in windows:
            args += [window.limit, window.amount, "" if window.at is None else window.at.second]
        states: Sequence[Any] = await self._call(lambda: self._take(keys, args))
        return [_window_state(w, *state) for w, state in zip(windows, states, strict=True)]

    async def _raise_some(self, costs: Sequence[tuple[str, int]], by: str | None) -> None:
        keys = [_budget(scope) for scope, _ in costs]
        amounts = [min(amount, MOST_SPENT) for _, amount in costs]
        args: list[str | int] = [_KEPT_SECONDS, self.replica if by is None else by, *amounts]
        await self._call(lambda: self._raise(keys, args))

    def _add_up(self, hold_id: str, spent: Mapping[str, int]) -> None:
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self.own[scope] = min(self.own.get(scope, 0) + amount, MOST_SPENT)

    def _update_known(self, scopes: Iterable[str], states: Sequence[Sequence[Any]]) -> None:
        for scope, numbers in zip(scopes, states, strict=True):
            self.known[scope] = Known(*(max(0, int(number)) for number in numbers))


def _budget(scope: str) -> str:
    return f"{_TAG}budget:{scope}"


def _settled(hold_id: str) -> str:
    return f"{_TAG}settled:{hold_id}"


def _value(key: str) -> str:
    return f"{_TAG}value:{key}"


def _window_state(window: Window, total: Any, resets: Any, retry: Any, counted: Any) -> WindowState:
    wait = float(retry)
    return WindowState(
        limit=window.limit,
        left=max(0, window.limit - int(total)),
        resets_in=max(0.0, float(resets)),
        retry_in=None if wait < 0 else wait,
        counted=Counted(_PLACE, int(counted)) if counted else None,
    )
