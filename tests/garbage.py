"""What a block leaves to the collector: objects in cycles, which nothing else would free."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def left_in_cycles(name: Callable[[object], str | None]) -> Iterator[list[str]]:
    """Give the names of objects that the block left in cycles, when it is over.

    `name` returns the name of an object, or None for one that does not matter.
    """
    names: list[str] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield names
        gc.collect()
        names += [named for one in gc.garbage if (named := name(one)) is not None]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
