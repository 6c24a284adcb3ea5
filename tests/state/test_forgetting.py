"""Redis forgets, or was never met, and the books tell: what is spent counts once all the same."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from omen.state import Cap, SharedStore
from omen.state.shared import HEARTBEAT_SECONDS
from tests.state.fake_redis import FakeServer, replica_of

MONTH = Cap("month", 100)
KEY = Cap("key", 60)
SOON = 3.0
"""Seconds in which a replica has found out that Redis is back."""


async def spend(store: SharedStore, name: str, amount: int) -> None:
    assert (await store.hold(name, [MONTH], [amount], 600)).granted == amount
    await store.settle(name, ["month"], {"month": amount})


class TestForgetting:
    async def test_each_replica_tells_what_it_has_spent(self, autojump_clock: MockClock) -> None:
        server = FakeServer()
        async with replica_of(server, "one") as one, replica_of(server, "two") as two:
            await trio.sleep(SOON)
            await spend(one, "a", 10)
            await spend(two, "b", 20)
            server.forget()
            await trio.sleep(2 * HEARTBEAT_SECONDS)
            assert await one.spent(["month"]) == [30]
            assert (one.epoch, two.epoch) == (1, 1)

    async def test_the_first_hold_finds_it_out(self, autojump_clock: MockClock) -> None:
        """Before the next heartbeat, and before money is granted that was spent."""
        server = FakeServer()
        async with replica_of(server, "one") as one:
            await trio.sleep(SOON)
            await spend(one, "a", 90)
            server.forget()
            refused = await one.hold("b", [MONTH], [20], 600)
            assert (refused.granted, one.is_away) == (None, True)
            await trio.sleep(SOON)
            assert (await one.hold("c", [MONTH], [11, 10], 600)).granted == 10

    async def test_what_the_dead_have_spent_the_books_tell(self, autojump_clock: MockClock) -> None:
        server, asked = FakeServer(), list[int]()
        readable = False

        async def books() -> dict[str, dict[str, int]] | None:
            asked.append(1)
            await trio.sleep(0.1)
            return {"dead": {"month": 70}, "one": {"month": 15}} if readable else None

        async with replica_of(server, "one") as one:
            one.books = books
            await trio.sleep(SOON)
            await one.raise_spent({"month": 70}, "dead")
            await spend(one, "a", 10)
            server.forget()
            await trio.sleep(10)
            # What it knows holds, and Redis is not back: it would grant the money once more.
            assert one.is_away
            assert await one.spent(["month"]) == [80]
            assert (await one.hold("b", [MONTH], [21, 20], 600)).granted == 20
            readable = True
            await trio.sleep(SOON)
            assert not one.is_away
            # 15 of its own, says the books: 5 are of a request that runs.
            assert await one.spent(["month"]) == [85]
            await one.settle("b", ["month"], {"month": 5})
            assert await one.spent(["month"]) == [85]

    async def test_a_replica_that_never_met_it_does_not_wait_for_the_books(
        self, autojump_clock: MockClock
    ) -> None:
        server = FakeServer()
        server.set_mode("down")

        async def no_books() -> None:
            await trio.lowlevel.checkpoint()

        async with replica_of(server, "one") as one:
            one.books = no_books
            await one.raise_spent({"month": 70}, "dead")
            assert await one.spent(["month"]) == [70]
            assert (await one.hold("a", [MONTH], [31, 30], 600)).granted == 30
            server.set_mode("there")
            await trio.sleep(SOON)
            assert not one.is_away
            # What the books had told it by then, it has told Redis.
            assert await one.spent(["month"]) == [70]
            assert (await one.hold("b", [MONTH], [1], 600)).granted is None


class TestBooksWhileAway:
    async def test_they_count_what_was_spent_here_once(self, autojump_clock: MockClock) -> None:
        server = FakeServer()
        async with replica_of(server, "one") as one:
            await trio.sleep(SOON)
            server.set_mode("down")
            for number in range(4):
                await spend(one, f"r{number}", 10)
            await one.raise_spent({"month": 40}, "one")
            assert await one.spent(["month"]) == [40]
            assert (await one.hold("x", [MONTH], [60], 600)).granted == 60

    async def test_told_by_another_replica_they_count_once(self, autojump_clock: MockClock) -> None:
        """The books have what a replica has spent that Redis has not heard of yet."""
        server = FakeServer()
        async with replica_of(server, "one") as one, replica_of(server, "two") as two:
            await trio.sleep(SOON)
            server.unreachable = {"one"}
            await spend(one, "a", 40)
            await two.raise_spent({"month": 40}, "one")
            server.unreachable = set()
            await trio.sleep(SOON)
            assert await two.spent(["month"]) == [40]
