"""The same on a real redis-server that is stopped, hung and started: money adds up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random

import pytest
import trio

from omen.state import SharedStore, open_state
from tests.servers import RedisServer, running_redis
from tests.state.test_any_interleaving import CAPS, LIMIT, SCOPES, Books, request

PATIENCE = 0.2
STEPS = 150
HUNG = 60.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@dataclass
class Fate:
    """What befalls a server."""

    server: RedisServer
    mode: str = "there"

    def befall(self, wanted: str) -> None:
        if self.mode == "hanging":
            self.server.wake()
        elif self.mode == "stopped":
            self.server.start()  # with nothing of what it knew
        if wanted == "hanging":
            self.server.hang()
        elif wanted == "stopped":
            self.server.stop()
        self.mode = wanted


async def live_through_it(
    stores: Sequence[SharedStore], books: Books, fate: Fate, random: Random
) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(STEPS):
            if number % 30 == 15:
                fate.befall(random.choice(("hanging", "stopped")))
            elif number % 30 == 0:
                fate.befall("there")
            store, naps = random.choice(stores), (0.0, 0.001, 0.05)
            nursery.start_soon(request, store, f"r{number}", books, random, naps)
            await trio.sleep(random.choice((0, 0.002, 0.02)))
            for scope in SCOPES:
                committed = books.set_aside(scope) + books.total(scope)
                assert committed <= LIMIT * len(stores)
        fate.befall("there")


@pytest.mark.parametrize(("seed", "replicas"), [(1, 1), (2, 2), (3, 3)])
async def test_it_adds_up(redis: RedisServer, seed: int, replicas: int) -> None:
    random, books, stores = Random(seed), Books(), list[SharedStore]()
    async with AsyncExitStack() as stack:
        for _ in range(replicas):
            opened = open_state(redis.url, patience=PATIENCE, most_bytes=10_000)
            store = await stack.enter_async_context(opened)
            assert isinstance(store, SharedStore)
            store.books = books.read
            stores.append(store)
        with trio.fail_after(HUNG):
            await live_through_it(stores, books, Fate(redis), random)
            while any(store.is_away or store.waiting_notes for store in stores):  # noqa: ASYNC110
                await trio.sleep(0.02)
            # One that nobody asked since may have to find out that all was forgotten.
            wanted = [books.total(scope) for scope in SCOPES]
            while [await store.spent(SCOPES) for store in stores] != [wanted] * replicas:  # noqa: ASYNC110
                await trio.sleep(0.05)
            free = LIMIT - max(wanted)
            hold = await stores[0].hold("last", CAPS, [max(0, free) + 1, max(0, free)], 60)
            assert (hold.granted, hold.left) == (free if free >= 0 else None, free)
