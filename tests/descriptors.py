"""A shortage of descriptors in the test process itself."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited(files: int) -> Iterator[None]:
    """Hold the test process to a soft limit of open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def next_descriptor() -> int:
    """Return the number that the next file or socket gets: the lowest free one."""
    number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)
    return number
