"""Keeps the garbage collector off what never becomes garbage."""

from __future__ import annotations

import gc


def freeze_what_is_built() -> None:
    """Take everything that lives by now, modules above all, out of the collector's sight.

    A full collection walks every object there is. After start-up that is some hundred thousand
    that stay for ever, about 50 ms during which no stream moves, once in a few hundred requests
    (measured 2026-11-23, bench/race: the 99th percentile fell from 38 to 12 ms without them).
    """
    gc.collect()
    gc.freeze()
