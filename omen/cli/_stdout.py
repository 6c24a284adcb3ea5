"""Writing to the standard output, which may be missing, full, or a pipe without a reader."""

from __future__ import annotations

import os
import sys


def write_out(text: str) -> str:
    """Print a line and flush it. Return why that failed, or an empty string."""
    if sys.stdout is None:
        return "there is no standard output"
    try:
        print(text, flush=True)
    except OSError as error:
        abandon_stdout()
        return f"the standard output cannot be written: {error.strerror}"
    return ""


def abandon_stdout() -> None:
    """Redirect the standard output to the null device.

    The interpreter flushes its buffer at exit, and would fail there once more.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
