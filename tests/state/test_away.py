"""Redis goes and comes back, in virtual time: what is held stays held, what is spent is so once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from omen.state import Cap, SharedStore
from tests.state.fake_redis import PATIENCE, FakeServer, replica_of

MONTH = Cap("month", 100)
KEY = Cap("key", 60)
SOON = 3.0
"""Seconds in which a replica has found out that Redis is back."""


async def spend(store: SharedStore, name: str, amount: int) -> None:
    assert (await store.hold(name, [MONTH], [amount], 600)).granted == amount
    await store.settle(name, ["month"], {"month": amount})


async def test_what_is_held_here_is_held_there_before_it_counts_as_back(
    autojump_clock: MockClock,
) -> None:
    """Core defect 21."""
    server = FakeServer()
    async with replica_of(server, "one") as one, replica_of(server, "two") as two:
        await trio.sleep(SOON)
        server.unreachable = {"one"}
        a = await one.hold("a", [MONTH], [50], 600)
        assert (one.is_away, a.granted) == (True, 50)
        assert (await one.hold("a", [MONTH], [60], 600)).granted is None  # it stays held
        server.unreachable = set()
        await trio.sleep(SOON)
        assert not one.is_away
        assert (await two.hold("b", [MONTH], [51, 50], 600)).granted == 50
        await one.settle("a", ["month"], {"month": 40})
        assert await two.spent(["month"]) == [40]
        assert (await two.hold("c", [MONTH], [11, 10], 600)).granted == 10


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("mode", ["down", "hanging"])
async def test_a_request_that_runs_through_it_is_held_all_the_time(
    autojump_clock: MockClock, mode: str, forgets: bool
) -> None:
    server = FakeServer()
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        await one.hold("a", [MONTH, KEY], [50], 600)
        server.set_mode(mode)
        assert (await one.hold("b", [MONTH], [51, 50], 600)).granted == 50
        assert (await one.hold("a", [MONTH, KEY], [51], 600)).granted is None
        assert (await one.hold("a", [MONTH, KEY], [30], 600)).granted == 30
        if forgets:
            server.forget()
        server.set_mode("there")
        await trio.sleep(SOON)
        assert not one.is_away
        assert server.budgets["{omen}:budget:month"].sum() == 80
        assert server.budgets["{omen}:budget:key"].sum() == 30
        assert (await one.hold("c", [MONTH], [21, 20], 600)).granted == 20
        for name in "abc":
            await one.settle(name, ["month", "key"], {"month": 1})
        assert await one.spent(["month"]) == [3]
        assert server.budgets["{omen}:budget:month"].sum() == 0


async def test_holds_that_come_while_it_returns_wait_for_that(autojump_clock: MockClock) -> None:
    """Hundreds a second: none is granted here and not told there."""
    server, granted = FakeServer(), list[str]()
    async with replica_of(server, "one") as one, trio.open_nursery() as nursery:
        await trio.sleep(SOON)
        server.set_mode("down")

        async def ask(number: int) -> None:
            if (await one.hold(f"r{number}", [Cap("month", 10**6)], [1], 600)).granted:
                granted.append(f"r{number}")

        for number in range(2000):
            nursery.start_soon(ask, number)
            await trio.sleep(0.001)
            if number == 700:
                server.set_mode("there")
        await trio.sleep(SOON)
        assert not one.is_away
        assert len(granted) == 2000
        assert server.budgets["{omen}:budget:month"].held.keys() == set(granted)
        nursery.cancel_scope.cancel()


async def test_what_was_set_aside_here_is_free_again_when_it_has_ended(
    autojump_clock: MockClock,
) -> None:
    """Core defect 22."""
    server = FakeServer()
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        for number in range(5):
            await one.hold(f"r{number}", [MONTH], [20], 600)
        server.set_mode("down")
        for number in range(5):
            await one.settle(f"r{number}", ["month"], {"month": 1})
        assert await one.spent(["month"]) == [5]
        assert (await one.hold("next", [MONTH], [96, 95], 600)).granted == 95


async def test_what_others_hold_and_spend_is_not_there_while_cut_off(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    async with replica_of(server, "one") as one, replica_of(server, "two") as two:
        await trio.sleep(SOON)
        await spend(two, "a", 10)
        await two.hold("b", [MONTH], [20], 600)
        await one.hold("mine", [MONTH], [6], 600)  # so it hears of them
        server.set_mode("down")
        # 100 - 10 spent - 20 held by the other - 6 of its own are 64: half of that, and its own.
        assert (await one.hold("c", [MONTH], [33, 32], 600)).granted == 32
        assert (await one.hold("mine", [MONTH], [7, 6], 600)).granted == 6
        await one.settle("mine", ["month"], {"month": 2})
        assert (await one.hold("d", [MONTH], [5, 4], 600)).granted == 4
        assert await one.spent(["month"]) == [12]


async def test_what_was_spent_counts_once_whatever_is_lost_on_the_way(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        for number in range(10):
            server.lost_answers = number % 3
            await one.hold(f"r{number}", [MONTH], [5], 600)
            with trio.move_on_after(0.003 if number % 2 else 10):
                await one.settle(f"r{number}", ["month"], {"month": 3})
            await trio.sleep(SOON)
        server.lost_answers = 0
        await trio.sleep(SOON)
        assert await one.spent(["month"]) == [30]
        assert server.budgets["{omen}:budget:month"].sum() == 0


async def test_a_call_that_a_hung_server_does_when_it_wakes_holds_nothing_for_ever(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        server.set_mode("hanging")
        with trio.move_on_after(PATIENCE / 2):
            await one.hold("left", [MONTH], [100], 3600)
        await one.settle("left", ["month"], {"month": 0})
        assert one.is_away
        server.set_mode("there")
        await trio.sleep(SOON)
        assert (await one.hold("next", [MONTH], [100], 600)).granted == 100


async def test_what_is_spent_while_redis_is_told_is_told_as_well(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the very scope of which it just hears."""
    server, told = FakeServer(), trio.Event()
    raise_ = server.raise_

    def raise_and_say_so(keys: Sequence[str], args: Sequence[object]) -> object:
        told.set()
        return raise_(keys, args)

    monkeypatch.setattr(server, "raise_", raise_and_say_so)
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        server.set_mode("down")
        await spend(one, "a", 10)
        await one.hold("b", [MONTH], [10], 600)
        server.set_mode("there")
        await told.wait()
        assert one.is_away  # the answer is on its way
        await one.settle("b", ["month"], {"month": 7})
        await trio.sleep(SOON)
        assert await one.spent(["month"]) == [17]


async def test_what_redis_grants_when_others_have_found_it_away_is_not_granted_twice(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        for turn in range(20):  # tasks take turns in any order
            granted: dict[str, int | None] = {}

            async def ask(name: str, granted: dict[str, int | None]) -> None:
                granted[name] = (await one.hold(name, [MONTH], [40], 600)).granted

            server.lost_answers = 1
            async with trio.open_nursery() as nursery:
                for name in (f"a{turn}", f"b{turn}", f"c{turn}"):
                    nursery.start_soon(ask, name, granted)
            server.set_mode("down")
            assert one.is_away
            assert sum(amount or 0 for amount in granted.values()) == 80
            assert (await one.hold(f"d{turn}", [MONTH], [21], 600)).granted is None
            server.set_mode("there")
            for name in granted:
                await one.settle(name, ["month"], {})
            await trio.sleep(SOON)


async def test_notes_beyond_their_bound_lose_no_money(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omen.state._arrears.MOST_NOTES", 3)
    server, rich = FakeServer(), Cap("month", 1000)
    async with replica_of(server, "one") as one:
        await trio.sleep(SOON)
        for number in range(10):
            await one.hold(f"r{number}", [rich], [10], 60)
        server.set_mode("down")
        for number in range(10):
            await one.settle(f"r{number}", ["month"], {"month": 7})
        assert (one.waiting_notes, one.lost_notes) == (3, 7)
        server.set_mode("there")
        await trio.sleep(SOON)
        assert await one.spent(["month"]) == [70]
        await trio.sleep(60)  # the leases of those whose end it has not heard of
        assert (await one.hold("x", [rich], [931, 930], 60)).granted == 930
