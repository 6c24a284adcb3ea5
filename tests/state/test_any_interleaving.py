"""Money adds up, whatever happens in which order: to requests, to Redis, to replicas.

Requests hold, hold more or less, are cancelled, and are settled, all at once. Redis goes down,
hangs, loses answers and forgets, and the books cannot be read. Replicas are cut off, are killed and
come. In the end everything that was settled is spent exactly once, and nothing is held. On the way
nothing is granted that is not there, but for what a replica that is cut off cannot know.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

import pytest
import trio
import trio._core._run
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.state import Cap, MemoryStore, SharedStore, Store
from tests.state.fake_redis import FakeServer, replica_of

LIMIT = 1000
SCOPES = ("month", "key")
CAPS = [Cap(scope, LIMIT) for scope in SCOPES]
LEASE = 40.0
"""Longer than any of these stories."""
SETTLED_SOON = 5.0


@dataclass
class Books:
    """What really happened: what is held and spent, and by whom."""

    held: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    spent: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By replica, by scope: as the totals of a ledger have it."""
    readable: bool = True

    def total(self, scope: str) -> int:
        return sum(by[scope] for by in self.spent.values())

    def set_aside(self, scope: str) -> int:
        return sum(amount for scopes, amount in self.held.values() if scope in scopes)

    async def read(self) -> Mapping[str, Mapping[str, int]] | None:
        await trio.sleep(0.01)
        return {by: dict(told) for by, told in self.spent.items()} if self.readable else None


async def request(
    store: Store, name: str, books: Books, random: Random, naps: Sequence[float]
) -> None:
    """Hold, perhaps several times, and settle; perhaps be cancelled at any moment."""
    caps = random.choice((CAPS, CAPS[:1], CAPS[1:]))
    before: tuple[tuple[str, ...], int] | None
    with trio.move_on_after(random.choice((0.002, 0.01, 0.2, 1e9, 1e9))):
        for _ in range(random.randint(1, 3)):
            amounts = sorted((random.randint(1, 400) for _ in range(2)), reverse=True)
            before = books.held.get(name)
            if before is not None:
                # Cancelled now, nobody knows which of them is held.
                books.held[name] = (before[0], min(before[1], *amounts))
            hold = await store.hold(name, caps, amounts, LEASE)
            if hold.granted is not None:
                books.held[name] = (tuple(cap.scope for cap in caps), hold.granted)
            elif before is not None:
                books.held[name] = before
            await trio.sleep(random.choice(naps))
    _, most = books.held.pop(name, ((), 0))
    cost = random.randint(0, most)
    spent = {cap.scope: cost for cap in caps} if cost else {}
    books.spent[store.replica].update(spent)
    for _ in range(random.choice((1, 1, 2))):
        await store.settle(name, [cap.scope for cap in caps], spent)


def play(main: Callable[[], Awaitable[None]], random: Random) -> None:
    """Run a story in virtual time; tasks take turns in an order that is the story's own."""
    dice = trio._core._run._r
    before = dice.getstate()
    dice.seed(random.getrandbits(32))
    try:
        trio.run(main, clock=MockClock(autojump_threshold=0))
    finally:
        dice.setstate(before)


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(20, 120))
def test_in_memory(random: Random, steps: int) -> None:
    async def main() -> None:
        store, books = MemoryStore(), Books()
        async with trio.open_nursery() as nursery:
            for number in range(steps):
                naps = (0.0, random.random())
                nursery.start_soon(request, store, f"r{number}", books, random, naps)
                await trio.sleep(random.random() / 10)
                for scope in SCOPES:
                    assert books.set_aside(scope) + books.total(scope) <= LIMIT
                    assert store._budget(scope).total_held == books.set_aside(scope)
        assert await store.spent(SCOPES) == [books.total(scope) for scope in SCOPES]
        assert [store._budget(scope).held for scope in SCOPES] == [{}, {}]
        assert [store._budget(scope).total_held for scope in SCOPES] == [0, 0]
        assert store._scopes_of == {}

    play(main, random)


@dataclass
class Team:
    """Replicas on one Redis, and what befalls them."""

    random: Random
    nursery: trio.Nursery
    server: FakeServer = field(default_factory=FakeServer)
    books: Books = field(default_factory=Books)
    stores: dict[str, SharedStore] = field(default_factory=dict)
    scopes: dict[str, trio.CancelScope] = field(default_factory=dict)
    requests: dict[str, trio.Nursery] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    ever: int = 0
    most: int = 0
    """Replicas that there were at once."""

    async def _run(self, name: str, joined: trio.Event) -> None:
        with trio.CancelScope() as self.scopes[name]:
            async with (
                replica_of(self.server, name) as store,
                trio.open_nursery() as self.requests[name],
            ):
                store.books = self.books.read
                for by, told in (await self.books.read() or {}).items():
                    await store.raise_spent(told, by)
                self.stores[name], self.names[name] = store, []
                joined.set()
                await trio.sleep_forever()

    async def join(self) -> None:
        """Start a replica. It tells the budgets what the books say, as a gateway does."""
        self.ever += 1
        joined = trio.Event()
        self.nursery.start_soon(self._run, f"replica{self.ever}", joined)
        await joined.wait()
        self.most = max(self.most, len(self.stores))

    def kill(self) -> None:
        """Kill a replica, in the middle of whatever it does."""
        name = self.random.choice(list(self.stores))
        self.scopes[name].cancel()
        del self.stores[name]
        for hold in self.names[name]:
            self.books.held.pop(hold, None)

    def ask(self, number: int) -> None:
        name = self.random.choice(list(self.stores))
        self.names[name].append(f"r{number}")
        naps = (0.0, 0.001, 0.1, 2.0)
        self.requests[name].start_soon(
            request, self.stores[name], f"r{number}", self.books, self.random, naps
        )

    async def befall(self) -> None:
        what = self.random.choice(("mode", "mode", "answers", "forget", "reach", "books", "team"))
        if what == "mode":
            self.server.set_mode(self.random.choice(("down", "hanging", "there", "there")))
        elif what == "answers":
            self.server.lost_answers = self.random.randint(0, 5)
        elif what == "forget" and self.books.readable:
            self.server.forget()
        elif what == "reach":
            cut_off = self.random.choice((*self.stores, None))
            self.server.unreachable = set() if cut_off is None else {cut_off}
        elif what == "books":
            self.books.readable = not self.books.readable
        elif what == "team" and self.books.readable:
            # A gateway that cannot read its books lets nobody in who would be asked for money.
            if len(self.stores) > 1:
                self.kill()
            elif self.most > 1:
                await self.join()

    async def heal(self) -> None:
        self.books.readable = True
        self.server.set_mode("there")
        self.server.lost_answers = 0
        self.server.unreachable = set()

    def check(self) -> None:
        for base, kept in self.server.budgets.items():
            assert kept.sum() >= 0
            assert all(amount >= 0 for amount in kept.by.values()), base
        for scope in SCOPES:
            # A replica that is cut off has a share of what it knew to be free, one that has never
            # met the others the whole: no more than that. One that is alone never grants more.
            committed = self.books.set_aside(scope) + self.books.total(scope)
            assert committed <= LIMIT * self.most

    async def end(self) -> None:
        """Let everything come to its end, and see that it adds up."""
        await self.heal()
        while any(nursery.child_tasks for nursery in self.requests.values()):  # noqa: ASYNC110
            await trio.sleep(1)
        await self.join()  # what killed replicas did not tell, the books do
        await trio.sleep(SETTLED_SOON)
        self.check()
        await trio.sleep(LEASE)  # of what killed replicas held
        for name, store in self.stores.items():
            assert (store.is_away, store.waiting_notes) == (False, 0)
            assert (await store.hold(f"last {name}", CAPS, [10**9], 1)).granted is None
            told = await store.spent(SCOPES)
            assert told == [self.books.total(scope) for scope in SCOPES]
        for scope in SCOPES:
            kept = self.server.budgets[f"{{omen}}:budget:{scope}"]
            assert (kept.held, kept.sum()) == ({}, 0)
            by = {name: amount for name, amount in kept.by.items() if amount}
            assert by == {n: c[scope] for n, c in self.books.spent.items() if c[scope]}


async def story(random: Random, replicas: int, steps: int) -> None:
    async with trio.open_nursery() as nursery:
        team = Team(random, nursery)
        for _ in range(replicas):
            await team.join()
        for number in range(steps):
            if random.random() < 0.15:
                await team.befall()
            team.ask(number)
            await trio.sleep(random.choice((0, 0.001, 0.01, 0.05, 0.5)))
            team.check()
        await team.end()
        nursery.cancel_scope.cancel()


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(20, 60))
def test_in_redis(random: Random, replicas: int, steps: int) -> None:
    play(partial(story, random, replicas, steps), random)


@pytest.mark.parametrize("seed", range(40))
def test_one_replica_alone_never_grants_what_is_not_there(seed: int) -> None:
    """Not while Redis is away either, nor when it has forgotten: it knows all there is to know."""
    random = Random(seed)
    play(partial(story, random, 1, 80), random)
