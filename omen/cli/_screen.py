"""Where lanes are shown: redrawn in place in a terminal, as plain lines anywhere else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any, TextIO

from omen.cli._lanes import Lanes


class LiveScreen:
    """Redraws every lane at each moment."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lanes = Lanes()
        self._drawn = 0

    def show(self, moment: Mapping[str, Any]) -> None:
        """Take a moment and redraw."""
        self._lanes.take(moment)
        # A line that wraps would make the way back up wrong.
        columns = shutil.get_terminal_size().columns
        lines = [line[:columns] for line in self._lanes.draw()]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    def note(self, text: str) -> None:
        """Write a line that is not about a lane; the lanes go on below it."""
        print(text, file=self._out, flush=True)
        self._drawn = 0


class PlainScreen:
    """Writes a line for each moment that decides something."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lanes = Lanes()

    def show(self, moment: Mapping[str, Any]) -> None:
        """Take a moment and write it, if it is worth a line."""
        line = self._lanes.take(moment)
        if line is not None:
            self.note(line)

    def note(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._out, flush=True)


Screen = LiveScreen | PlainScreen


def screen_for(out: TextIO) -> Screen:
    """Choose by what `out` is."""
    return LiveScreen(out) if out.isatty() else PlainScreen(out)
