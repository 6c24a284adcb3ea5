"""The output of lanes: redrawn in place on a terminal, written as plain lines elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any, TextIO

from omen.cli._lanes import Lanes


class LiveScreen:
    """A terminal, on which each moment redraws every lane."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lanes = Lanes()
        self._drawn = 0

    def show(self, moment: Mapping[str, Any]) -> None:
        """Apply a moment and redraw."""
        self._lanes.take(moment)
        # Lines are cut: a wrapped line takes two rows, and the cursor would not move up far enough.
        columns = shutil.get_terminal_size().columns
        lines = [line[:columns] for line in self._lanes.draw()]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    def note(self, text: str) -> None:
        """Write a line that does not belong to a lane. The lanes are redrawn below it."""
        print(text, file=self._out, flush=True)
        self._drawn = 0


class PlainScreen:
    """A file or pipe, which gets a line for each moment except mere progress."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lanes = Lanes()

    def show(self, moment: Mapping[str, Any]) -> None:
        """Apply a moment and write its line, if it has one."""
        line = self._lanes.take(moment)
        if line is not None:
            self.note(line)

    def note(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._out, flush=True)


Screen = LiveScreen | PlainScreen


def screen_for(out: TextIO) -> Screen:
    """Return the screen that fits `out`."""
    return LiveScreen(out) if out.isatty() else PlainScreen(out)
