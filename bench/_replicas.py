"""Replicas that come and go, the clients that use them, and the books that they share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import trio

from bench._processes import Server
from omen.core.money import booked_nano, nano
from omen.sim import DEMO_MODEL
from omen.state.redis import open_redis

_LEAVING_SHARE = 0.1
"""The share of clients that leave after the first event of their stream."""
_STRATEGIES: Sequence[Mapping[str, Any]] = (
    {"strategy": "single"},
    {"strategy": "race", "k": 2},
    {"strategy": "race", "k": 3},
    {"strategy": "speculate_k", "k": 2},
    {"strategy": "parallel_merge", "k": 2, "merge": {"method": "choices"}},
)
_TIMEOUT = httpx.Timeout(60.0)


class Replica:
    """A gateway that can leave and return. `stay` belongs into a nursery."""

    def __init__(self, open_: Callable[[], AbstractAsyncContextManager[Server]]) -> None:
        self._open = open_
        self._leave = trio.Event()
        self.url: str | None = None

    async def stay(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `leave`; started when it serves."""
        self._leave = trio.Event()
        async with self._open() as server:
            self.url = server.addresses["gateway"].url
            task_status.started()
            await self._leave.wait()
            self.url = None

    def leave(self) -> None:
        """Have it stop, as an operator stops it: it answers what it has accepted."""
        self._leave.set()


@dataclass
class Counts:
    """What became of the requests of one key."""

    statuses: Counter[int] = field(default_factory=Counter)
    left: int = 0
    unreachable: int = 0

    def __str__(self) -> str:
        by_status = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        return f"{by_status}; {self.left} left early; {self.unreachable} met a replica that left"


class Clients:
    """Send mixed races, each client one after the other, to any replica that serves."""

    def __init__(self, replicas: Sequence[Replica], keys: Mapping[str, str], seed: int) -> None:
        self._replicas = replicas
        self._keys = keys
        self._random = random.Random(seed)
        self.counts = {name: Counts() for name in keys}

    async def run(self, clients: int, seconds: float) -> None:
        """Send requests for so long; return when the last one has ended."""
        until = trio.current_time() + seconds
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
            async with trio.open_nursery() as nursery:
                for number in range(clients):
                    name = list(self._keys)[number % len(self._keys)]
                    nursery.start_soon(self._ask_until, until, http, name)

    async def _ask_until(self, until: float, http: httpx.AsyncClient, name: str) -> None:
        while trio.current_time() < until:
            urls = [replica.url for replica in self._replicas if replica.url is not None]
            try:
                await self._ask(http, self._random.choice(urls), name)
            except httpx.TransportError:
                self.counts[name].unreachable += 1
                await trio.sleep(0.1)

    async def _ask(self, http: httpx.AsyncClient, url: str, name: str) -> None:
        body = {
            "model": DEMO_MODEL,
            "messages": [{"role": "user", "content": f"question {self._random.random()}"}],
            "max_tokens": 40,
            "stream": self._random.random() < 0.5,
            "omen": self._random.choice(_STRATEGIES),
        }
        leaves = body["stream"] and self._random.random() < _LEAVING_SHARE
        headers = {"authorization": f"Bearer {self._keys[name]}"}
        request = http.stream("POST", f"{url}/v1/chat/completions", json=body, headers=headers)
        async with request as response, aclosing(_bytes(response)) as received:
            async for _ in received:
                if leaves and response.status_code == 200:
                    self.counts[name].left += 1
                    return
        self.counts[name].statuses[response.status_code] += 1


async def _bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for piece in response.aiter_raw():
        yield piece


@dataclass(frozen=True, slots=True)
class Books:
    """What was spent, in nano-dollars, as each place knows it. `tight` is of the tight key."""

    store: int
    months: Sequence[int]
    totals: int
    ledger: int
    rows: int
    tight: int
    tight_limit: int

    @property
    def agree(self) -> bool:
        """Whether all places have one number."""
        return {self.store, self.totals, *self.months} == {self.ledger}


async def read_books(
    redis_url: str,
    database_url: str,
    replicas: Sequence[Replica],
    keys: Mapping[str, str],
    tight_usd: str,
) -> Books:
    """Read what was spent from Redis, from each gateway, and from the database."""
    month = datetime.now(UTC).strftime("%Y-%m")
    async with open_redis(redis_url, "bench", 5.0) as remote:
        (store,) = await remote.spent([f"{month}:gateway"])
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
        headers = {"authorization": f"Bearer {keys['admin']}"}
        told = [await http.get(f"{one.url}/status", headers=headers) for one in replicas]
    months = [nano(Decimal(str(answer.json()["budget"]["spent_usd"]))) for answer in told]
    rows, totals = await trio.to_thread.run_sync(_read_database, database_url)
    tight_id = keys["tight"].split("-")[2]
    return Books(
        store=store,
        months=months,
        totals=totals,
        ledger=sum(booked_nano(cost) for _, cost in rows),
        rows=len(rows),
        tight=sum(booked_nano(cost) for key_id, cost in rows if key_id == tight_id),
        tight_limit=nano(Decimal(tight_usd)),
    )


def _read_database(url: str) -> tuple[list[tuple[str | None, Decimal]], int]:
    with psycopg.connect(url) as database:
        rows = database.execute(
            "SELECT key_id, cost_usd FROM attempts WHERE cost_usd IS NOT NULL"
        ).fetchall()
        found = database.execute("SELECT COALESCE(SUM(nano), 0)::BIGINT FROM totals").fetchone()
    return [(key_id, cost) for key_id, cost in rows], 0 if found is None else int(found[0])
