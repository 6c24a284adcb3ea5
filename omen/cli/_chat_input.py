"""What a person, or another program, says to `omen chat`: one text after the other."""

from __future__ import annotations

import readline
import select
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

PROMPT = "› "
PASTE_SECONDS = 0.02
"""Lines that follow within this time were pasted, by a terminal that does not mark pasted text."""


class _Emptied(Exception):
    """Ctrl-C at a prompt that was not empty."""


def typed_lines() -> Iterator[str]:
    """Yield what is typed or pasted at a terminal, until Ctrl-D, or Ctrl-C at an empty prompt.

    Ctrl-C at any other prompt empties it. A pasted text is one, with its line ends in it.
    """
    readline.parse_and_bind("set enable-bracketed-paste on")
    while True:
        before = signal.signal(signal.SIGINT, _interrupt)
        try:
            text = _read_text()
        except _Emptied:
            print()
            continue
        except (EOFError, KeyboardInterrupt):
            print()
            return
        finally:
            signal.signal(signal.SIGINT, before)
        yield text


def piped_lines(source: TextIO) -> Iterator[str]:
    """Yield the lines of a file or pipe."""
    for line in source:
        yield line.rstrip("\n")


def _read_text() -> str:
    """Read a line, and those that were pasted with it."""
    lines = [input(PROMPT)]
    while select.select([sys.stdin], [], [], PASTE_SECONDS)[0]:
        try:
            lines.append(input())
        except EOFError:
            break
    return "\n".join(lines)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt a prompt. The line is still known here, and no more once readline has ended."""
    if readline.get_line_buffer():
        raise _Emptied
    raise KeyboardInterrupt
