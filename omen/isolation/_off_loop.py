"""A worker thread for pure functions over large values.

A thread takes nothing from the loop but the interpreter's lock, for as long as one call into C
lasts. So what runs here has to make short calls; `omen.core.json_reading` says how. One thread at a
time: two would not be faster, and each that wants the lock makes the loop wait once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio
from trio.lowlevel import RunVar

_Result = TypeVar("_Result")

HEAVY_BYTES = 256 * 1024
HEAVY_CONTAINERS = 400
"""Objects and lists of a document: 20 µs each are 8 ms on the loop."""
HEAVY_VALUES = 4_000
"""Values that are no objects and no lists: a microsecond or two each."""

_turn: RunVar[trio.CapacityLimiter] = RunVar("_turn")


def is_heavy(document: bytes) -> bool:
    """Return whether a JSON document is too large, or has too much in it, to be read on the loop.

    Signs inside of texts count as well: that costs a change of thread and nothing else.
    """
    if len(document) <= HEAVY_CONTAINERS:
        return False  # most documents are short, and an object takes some bytes
    return (
        len(document) > HEAVY_BYTES
        or document.count(b"{") + document.count(b"[") > HEAVY_CONTAINERS
        or document.count(b",") > HEAVY_VALUES
    )


async def off_loop(function: Callable[[], _Result]) -> _Result:
    """Return what a function returns in a worker thread. It waits for its turn.

    **Raises.** What the function raises.

    **Cancellation.** A call that waits for its turn is cancelled. A function that has begun runs
    to its end, and its result is returned: nothing it has taken is lost.
    """
    try:
        turn = _turn.get()
    except LookupError:
        turn = trio.CapacityLimiter(1)
        _turn.set(turn)
    return await trio.to_thread.run_sync(function, limiter=turn)


def loop_time() -> float:
    """Return the time on trio's clock, also in a worker thread."""
    try:
        return trio.current_time()
    except RuntimeError:
        return trio.from_thread.run_sync(trio.current_time)
