"""A Redis in virtual time, under the real `RedisStore`: its scripts in Python, and its mishaps.

It can be down (calls fail), hang (calls wait, and are done when it wakes, whether anybody still
waits or not), lose answers (a call is done, and fails), be out of one replica's reach, and forget.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from omen.state import MemoryStore, SharedStore, _scripts
from omen.state._patience import Patience
from omen.state.redis import RedisStore
from omen.state.store import MOST_SPENT

PATIENCE = 0.3
ROUND_TRIP = 0.004


@dataclass
class Kept:
    """What the server keeps of one budget."""

    by: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[str, tuple[int, int, str, float]] = field(default_factory=dict)
    """By hold: amount, sequence, replica, until."""

    @property
    def spent(self) -> int:
        return sum(self.by.values())

    def sum(self, but: str | None = None) -> int:
        return sum(amount for amount, _, by, _ in self.held.values() if by != but)


class FakeServer:
    """What all replicas share."""

    def __init__(self) -> None:
        self.mode = "there"
        self.unreachable: set[str] = set()
        self.lost_answers = 0
        self.budgets: defaultdict[str, Kept] = defaultdict(Kept)
        self.values: dict[str, bytes] = {}
        self.hashes: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self.settled: set[str] = set()
        self.granted_too_much: list[str] = []
        self._woken = trio.Event()

    def forget(self) -> None:
        """Restart without a snapshot."""
        self.budgets.clear()
        self.values.clear()
        self.hashes.clear()
        self.settled.clear()

    def set_mode(self, mode: str) -> None:
        self.mode = mode
        if mode != "hanging":
            self._woken.set()
            self._woken = trio.Event()

    async def call(self, replica: str, work: Callable[[], Any], nursery: trio.Nursery) -> Any:
        """Send a call, and wait for its answer; the server may do it when nobody waits any more."""
        answered, answer = trio.Event(), list[Any]()

        async def travel() -> None:
            await trio.sleep(ROUND_TRIP / 2)
            while self.mode == "hanging":
                await self._woken.wait()
            if self.mode == "down" or replica in self.unreachable:
                answer.append(OSError("connection refused"))
            else:
                answer.append(work())
                if self.lost_answers:
                    self.lost_answers -= 1
                    answer[0] = OSError("connection reset")
            await trio.sleep(ROUND_TRIP / 2)
            answered.set()

        nursery.start_soon(travel)
        await answered.wait()
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    def hold(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        hold_id, by, sequence, lease, memory, n = args[:6]
        limits, amounts = args[6 : 6 + n], args[6 + n :]
        if memory and self.values.get(keys[1], b"").decode() != memory:
            return [b"forgot"]
        now, void = trio.current_time(), keys[0] in self.settled
        lefts, stand = [], []
        for base, limit in zip(keys[2 : 2 + n], limits, strict=True):
            kept = self.budgets[base]
            for old in [i for i, one in kept.held.items() if one[3] <= now]:
                del kept.held[old]
            mine = kept.held.get(hold_id, (0, -1, "", 0.0))
            void = void or mine[1] > sequence
            lefts.append(limit - kept.spent - kept.sum() + mine[0])
            stand.append([kept.spent - kept.by[by], kept.sum(by)])
        least = min(lefts)
        granted = next((a for a in amounts if a <= least and not void), None)
        if granted is not None:
            for base in keys[2:]:
                self.budgets[base].held.pop(hold_id, None)
            for base, limit in zip(keys[2 : 2 + n], limits, strict=True):
                kept = self.budgets[base]
                kept.held[hold_id] = (granted, sequence, by, now + lease)
                if kept.spent + kept.sum() > limit:
                    self.granted_too_much.append(hold_id)
        return ["" if granted is None else granted, lefts.index(least) + 1, least, stand]

    def settle(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        hold_id, by, _, n = args[:4]
        self.settled.add(keys[0])
        for base in keys[1 : 1 + n]:
            self.budgets[base].held.pop(hold_id, None)
        stand = []
        for base, total in zip(keys[1 + n :], args[4:], strict=True):
            kept = self.budgets[base]
            kept.by[by] = max(kept.by[by], total)
            stand.append([kept.spent - kept.by[by], kept.sum(by)])
        return stand

    def raise_(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        for base, total in zip(keys, args[2:], strict=True):
            by = self.budgets[base].by
            by[args[1]] = max(by[args[1]], total)
        return 1

    def collect(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        now, found = trio.current_time(), list[bytes]()
        for replica, said in list(self.hashes[keys[0]].items()):
            until, _, value = said.partition(b" ")
            if float(until) > now:
                found += [replica.encode(), value]
        return found


class FakeClient:
    """The part of coredis' client that `RedisStore` uses for budgets and replicas."""

    def __init__(self, server: FakeServer, replica: str, nursery: trio.Nursery) -> None:
        self._server = server
        self._replica = replica
        self._nursery = nursery

    def register_script(self, script: str) -> Callable[[list[str], list[Any]], Awaitable[Any]]:
        server = self._server
        scripts = {
            _scripts.HOLD: server.hold,
            _scripts.SETTLE: server.settle,
            _scripts.RAISE: server.raise_,
            _scripts.COLLECT: server.collect,
        }
        run = scripts.get(script)

        async def call(keys: list[str], args: list[Any]) -> Any:
            assert run is not None
            return await self._call(lambda: run(list(keys), list(args)))

        return call

    async def set(self, name: str, value: str, **more: Any) -> Any:
        def work() -> None:
            self._server.values.setdefault(name, value.encode())

        return await self._call(work)

    async def get(self, name: str) -> Any:
        return await self._call(lambda: self._server.values.get(name))

    async def mget(self, names: Sequence[str]) -> Any:
        bases = [name.removesuffix(":spent") for name in names]
        return await self._call(lambda: [self._server.budgets[base].spent for base in bases])

    async def hset(self, name: str, values: dict[str, bytes]) -> Any:
        return await self._call(lambda: self._server.hashes[name].update(values))

    async def expire(self, name: str, seconds: int) -> Any:
        return await self._call(lambda: None)

    async def time(self) -> Any:
        now = await self._call(trio.current_time)

        class Moment:
            @staticmethod
            def timestamp() -> float:
                return float(now)

        return Moment()

    async def _call(self, work: Callable[[], Any]) -> Any:
        return await self._server.call(self._replica, work, self._nursery)


@asynccontextmanager
async def replica_of(server: FakeServer, name: str) -> AsyncIterator[SharedStore]:
    """Run one replica; what it has sent may be done after it is gone."""
    async with trio.open_nursery() as calls, trio.open_nursery() as nursery:
        watch = Patience(PATIENCE)
        remote = RedisStore(FakeClient(server, name, calls), name, watch)  # type: ignore[arg-type]
        store = SharedStore(remote, MemoryStore(replica=name))
        nursery.start_soon(watch.run)
        nursery.start_soon(store.run)
        yield store
        nursery.cancel_scope.cancel()
        calls.cancel_scope.cancel()


assert MOST_SPENT > 2**53
