"""What holds for a store, wherever it keeps things."""

from __future__ import annotations

import trio

from omen.state import Cap, Store, Window

MONTH, KEY = Cap("month", 1000), Cap("key", 300)


class TestMoney:
    async def test_the_largest_amount_that_fits_under_every_cap_is_held(self, store: Store) -> None:
        hold = await store.hold("a", [MONTH, KEY], [800, 250, 100], 60)
        assert (hold.granted, hold.refused_by, hold.left) == (250, None, 300)

    async def test_what_is_held_is_not_there_for_others(self, store: Store) -> None:
        await store.hold("a", [MONTH, KEY], [250], 60)
        refused = await store.hold("b", [MONTH, KEY], [250, 60], 60)
        assert (refused.granted, refused.refused_by, refused.left) == (None, "key", 50)
        assert (await store.hold("b", [MONTH], [750], 60)).granted == 750

    async def test_settling_gives_back_what_was_held_and_books_what_was_spent(
        self, store: Store
    ) -> None:
        await store.hold("a", [MONTH, KEY], [250], 60)
        await store.settle("a", ["month", "key"], {"month": 20, "key": 20, "provider": 20})
        assert await store.spent(["month", "key", "provider", "nobody"]) == [20, 20, 20, 0]
        assert (await store.hold("b", [KEY], [280], 60)).granted == 280

    async def test_a_hold_whose_owner_died_ends_with_its_lease(self, store: Store) -> None:
        await store.hold("a", [KEY], [300], 0.05)
        assert (await store.hold("b", [KEY], [1], 60)).granted is None
        await trio.sleep(0.1)
        assert (await store.hold("b", [KEY], [300], 60)).granted == 300

    async def test_many_at_once_never_hold_more_than_there_is(self, store: Store) -> None:
        granted: list[int] = []

        async def ask(number: int) -> None:
            hold = await store.hold(f"h{number}", [MONTH], [70], 60)
            granted.extend([] if hold.granted is None else [hold.granted])

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, number)
        assert sum(granted) == 980  # the next one would have been 1050

    async def test_what_older_books_say_is_the_least_that_counts(self, store: Store) -> None:
        await store.raise_spent({"month": 500, "key": 10})
        await store.raise_spent({"month": 400, "key": 20})
        assert await store.spent(["month", "key"]) == [500, 20]


class TestRates:
    async def test_a_window_has_room_for_its_limit(self, store: Store) -> None:
        states = [(await store.take([Window("k", 3)]))[0] for _ in range(4)]
        assert [state.left for state in states] == [2, 1, 0, 0]
        assert [state.retry_in is None for state in states] == [True, True, True, False]
        assert 58 < (states[3].retry_in or 0) <= 60
        assert 58 < states[3].resets_in <= 60

    async def test_if_one_window_has_no_room_nothing_is_counted(self, store: Store) -> None:
        await store.take([Window("tokens", 100, 90)])
        requests, tokens = await store.take([Window("requests", 10), Window("tokens", 100, 20)])
        assert (requests.left, requests.retry_in) == (10, None)
        assert tokens.left == 10
        assert tokens.retry_in is not None

    async def test_what_turned_out_otherwise_is_corrected(self, store: Store) -> None:
        await store.take([Window("tokens", 100, 90)])
        await store.count([Window("tokens", 100, -50)])
        assert (await store.take([Window("tokens", 100, 60)]))[0].left == 0


class TestValues:
    async def test_a_value_is_kept_for_its_time(self, store: Store) -> None:
        await store.put("a", b"1", 60)
        await store.put("b", b"2", 0.05)
        assert (await store.get("a"), await store.get("b")) == (b"1", b"2")
        await trio.sleep(0.1)
        assert (await store.get("a"), await store.get("b")) == (b"1", None)

    async def test_values_are_cleared_by_how_their_keys_begin(self, store: Store) -> None:
        for key in ("cache:x", "cache:y", "turn:z"):
            await store.put(key, b"v", 60)
        assert await store.clear("cache:") == 2
        assert [await store.get(k) for k in ("cache:x", "turn:z")] == [None, b"v"]


class TestReplicas:
    async def test_what_is_published_is_heard_until_its_time_is_over(self, store: Store) -> None:
        await store.publish("down", b"old", 60)
        await store.publish("down", b"new", 60)
        await store.publish("gone", b"x", -1.0)
        assert list((await store.collect("down")).values()) == [b"new"]
        assert await store.collect("gone") == {}
