"""The store in memory, in virtual time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from omen.state import MemoryStore, Window


async def test_in_any_sixty_seconds_there_is_room_for_the_limit_and_no_more(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore()
    taken: list[float] = []
    for _ in range(1000):
        (state,) = await store.take([Window("k", 10)])
        if state.retry_in is None:
            taken.append(trio.current_time())
        await trio.sleep(0.7)
    assert len(taken) > 100
    assert all(later - earlier >= 59 for earlier, later in zip(taken, taken[10:], strict=False))


async def test_values_are_bounded_in_bytes_and_the_least_used_goes_first(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore(most_bytes=3000)
    for name in "ab":
        await store.put(name, b"x" * 1000, 60)
    await store.get("a")
    await store.put("c", b"x" * 1000, 60)
    assert [await store.get(name) is not None for name in "abc"] == [True, False, True]
    assert store.evicted == 1
    assert store.bytes <= 3000
    await store.put("d", b"x" * 5000, 60)
    assert await store.get("d") is None
    await store.put("a", b"", 60)
    assert await store.get("a") == b""
