"""The process's memory: what collections leave out, and what goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
from collections.abc import Callable
from pathlib import Path

import trio

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of glibc's `mallopt` (malloc.h; man 3 mallopt, read 2026-12-01)."""
_LARGE = 1024 * 1024
"""Bytes of a block that goes back to the system as soon as it is freed."""

_STATM = Path("/proc/self/statm")
_SECONDS, _LONG_SECONDS = 1.0, 2.0
"""Time between two looks at the process; after one that brought nothing."""
_GROWTH, _WORTH_IT = 16 * 1024 * 1024, 1024 * 1024
"""Bytes above the least that the process has had, from which on freed blocks are given back; and
bytes that were, for the next look to come soon."""


def give_back_large_blocks() -> None:
    """Have glibc return large blocks to the system when they are freed. Elsewhere it does nothing.

    By default glibc raises the size from which it does that to that of the largest block freed so
    far, up to 32 MiB: then a few bodies of 20 MB stay in the process for good. Worker threads have
    heaps of their own, which it keeps as well, so there are two at most.
    """
    if not _has_glibc():
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_TRIM_THRESHOLD, _LARGE)
    mallopt(_M_ARENA_MAX, 2)


def freeze_what_is_built() -> None:
    """Exclude all objects that exist now, mostly modules, from later collections.

    A full collection visits every object. After the start these are some hundred thousand that are
    never freed. A visit takes about 50 ms, during which no stream moves, once in a few hundred
    requests (measured 2026-11-23, bench/race: without them the 99th percentile fell from 38 to
    12 ms).
    """
    gc.collect()
    gc.freeze()


async def keep_giving_back(
    resident: Callable[[], int] | None = None, trim: Callable[[], object] | None = None
) -> None:
    """Return freed blocks of any size to the system after the process has grown, until cancelled.

    A body arrives in blocks of 64 KiB. glibc keeps them when they are freed, because one small
    block that is still in use lies behind them. `resident` returns the bytes in memory, and `trim`
    gives freed blocks back; by default those of this process. Without glibc it does nothing.
    """
    if resident is None or trim is None:
        if not _is_measured():
            return
        resident, trim = _resident, _trim
    lowest, pause = resident(), _SECONDS
    while True:
        await trio.sleep(pause)
        before = resident()
        lowest, pause = min(lowest, before), _SECONDS
        if before >= lowest + _GROWTH:
            # In a thread: it takes about a millisecond for each ten megabytes that it returns.
            await trio.to_thread.run_sync(trim)
            # What was in use now may be freed later, and nothing tells of that.
            if before - resident() < _WORTH_IT:
                pause = _LONG_SECONDS


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"


def _is_measured() -> bool:
    return _has_glibc() and _STATM.exists()


def _resident() -> int:
    return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _trim() -> None:
    ctypes.CDLL(None).malloc_trim(0)
