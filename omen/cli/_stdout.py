"""The standard output, which may be full, closed, or read by somebody who has left."""

from __future__ import annotations

import os
import sys


def write_out(text: str) -> str:
    """Print a line, and see to it that it has arrived; return why it has not, or nothing."""
    if sys.stdout is None:
        return "there is no standard output"
    try:
        print(text, flush=True)
    except OSError as error:
        abandon_stdout()
        return f"the standard output does not take it: {error.strerror}"
    return ""


def abandon_stdout() -> None:
    """Have what is still to be printed go nowhere: the interpreter would fail on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
