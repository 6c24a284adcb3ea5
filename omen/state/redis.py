"""A store in Redis (or Valkey), shared by every replica.

Each step that must not be divided is a script; see `_scripts.py`.
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
"""How long what was spent is known: for a month and the next one."""
_PLACE = "redis"
MOST_AT_ONCE = 500
"""Scopes in one call: while a script runs Redis answers nobody else."""
MOST_SETTLED = 200_000
"""Ids that are known to be counted; more than `SharedStore` has notes of."""
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
    """See `omen.state.store.Store`. `replica` names this process among the others.

    What this replica has spent is added up here, by scope and from the beginning of the process,
    and it is the sum that Redis is told. So telling it again, late or out of turn does no harm.
    """

    def __init__(self, client: Redis[bytes], replica: str, patience: Patience) -> None:
        self._client = client
        self.replica = replica
        self._ask = Calls(patience)
        self._hold = client.register_script(_scripts.HOLD)
        self._settle = client.register_script(_scripts.SETTLE)
        self._raise = client.register_script(_scripts.RAISE)
        self._take = client.register_script(_scripts.TAKE)
        self._collect = client.register_script(_scripts.COLLECT)
        self._memory = ""
        self._sequence = count(1)
        self._under: dict[str, tuple[str, ...]] = {}
        """Under which scopes an id may hold something."""
        self._settled: OrderedDict[str, None] = OrderedDict()
        self.epoch = 0
        self.replicas = 1
        self.own: dict[str, int] = {}
        """What this replica has spent, by scope, since its process began."""
        self.known: dict[str, Known] = {}
        """What was heard last, by scope."""

    async def memory(self) -> bytes:
        """Name what Redis remembers: another name means that it has forgotten all it knew.

        From then on nothing is held in a memory of another name.
        """
        name = f"{_TAG}memory"
        await self._ask(lambda: self._client.set(name, token_hex(16), condition=PureToken.NX))
        found = await self._ask(lambda: self._client.get(name)) or b""
        self._memory = found.decode(errors="replace")
        return found

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set money aside."""
        scopes = tuple(cap.scope for cap in caps)
        before = self._under.get(hold_id, ())
        # Noted before it is asked: a call that is cancelled may be done all the same.
        self._under[hold_id] = (*scopes, *(scope for scope in before if scope not in scopes))
        limits = [min(cap.limit, MOST_SPENT // 2) for cap in caps]
        keys = [_settled(hold_id), f"{_TAG}memory", *map(_budget, self._under[hold_id])]
        whose: list[str | int | float] = [hold_id, self.replica, next(self._sequence), lease]
        args = [*whose, self._memory, len(caps), *limits, *amounts]
        answer: Sequence[Any] = await self._ask(lambda: self._hold(keys, args))
        if len(answer) < 2:
            raise StoreAwayError("it has forgotten what it knew")
        granted, scarcest, left, stand = answer
        self._hear(scopes, stand)
        if not granted:
            return Hold(None, scopes[int(scarcest) - 1], int(left))
        return Hold(int(granted), None, int(left))

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up; a second time it only tells the sums again."""
        self._add_up(hold_id, spent)
        held = {*scopes, *self._under.pop(hold_id, ())}
        keys = [_settled(hold_id), *map(_budget, held), *map(_budget, spent)]
        totals = [self.own[scope] for scope in spent]
        args: list[str | int] = [hold_id, self.replica, _KEPT_SECONDS, len(held), *totals]
        self._hear(spent, await self._ask(lambda: self._settle(keys, args)))

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return what was spent."""
        if not scopes:
            return []
        keys = [f"{_budget(scope)}:spent" for scope in scopes]
        found = await self._ask(lambda: self._client.mget(keys))
        return [int(value or 0) for value in found]

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise what was spent."""
        if by is None:
            for scope, amount in spent.items():
                self.own[scope] = max(self.own.get(scope, 0), min(amount, MOST_SPENT))
        told = list(spent.items())
        for start in range(0, len(told), MOST_AT_ONCE):
            await self._raise_some(told[start : start + MOST_AT_ONCE], by)

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if there is room."""
        return await self._counted(windows, may_refuse=True)

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        mine = [one for one in windows if one.at is None or one.at.place == _PLACE]
        if mine:
            await self._counted(mine, may_refuse=False)

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
        said: Sequence[bytes] = await self._ask(lambda: self._collect([f"{_TAG}told:{topic}"], []))
        pairs = zip(said[::2], said[1::2], strict=True)
        return {replica.decode(): value for replica, value in pairs}

    async def _scan(self, cursor: int, pattern: str) -> tuple[int, Sequence[bytes]]:
        return await self._ask(lambda: self._client.scan(cursor, match=pattern, count=1000))

    async def _unlink(self, keys: Sequence[bytes]) -> int:
        return await self._ask(lambda: self._client.unlink(keys))

    async def _counted(
        self, windows: Sequence[Window], *, may_refuse: bool
    ) -> Sequence[WindowState]:
        # The mark has whatever comes late counted once: a slow call is made again.
        keys = [f"{_TAG}once:{token_hex(8)}", *(f"{_TAG}rate:{one.scope}" for one in windows)]
        args: list[int | str] = [int(may_refuse)]
        for one in windows:
            args += [one.limit, one.amount, "" if one.at is None else one.at.second]
        states: Sequence[Any] = await self._ask(lambda: self._take(keys, args))
        return [_window_state(w, *state) for w, state in zip(windows, states, strict=True)]

    async def _raise_some(self, told: Sequence[tuple[str, int]], by: str | None) -> None:
        keys = [_budget(scope) for scope, _ in told]
        amounts = [min(amount, MOST_SPENT) for _, amount in told]
        args: list[str | int] = [_KEPT_SECONDS, self.replica if by is None else by, *amounts]
        await self._ask(lambda: self._raise(keys, args))

    def _add_up(self, hold_id: str, spent: Mapping[str, int]) -> None:
        if hold_id in self._settled:
            return
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        for scope, amount in spent.items():
            self.own[scope] = min(self.own.get(scope, 0) + amount, MOST_SPENT)

    def _hear(self, scopes: Iterable[str], stand: Sequence[Sequence[Any]]) -> None:
        for scope, numbers in zip(scopes, stand, strict=True):
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
