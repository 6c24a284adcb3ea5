"""What a race looks like while it runs: lanes and the answer under them, or plain lines.

On a terminal the lanes and the end of the answer are drawn again and again in the same place. Once
the race is over they give way to the final lanes and the whole answer, which then scroll like any
other output.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from omen.cli._lane_rows import lane_rows
from omen.cli._lanes import Lanes
from omen.cli._shown import shown

FRAME_SECONDS = 0.05
"""Between two pictures of a text that grows, which a thread of rich's draws. What decides something
is drawn at once. 0: every change is."""


class Screen(Protocol):
    """Shows one race. Moments are those of `RaceMoment.as_json`."""

    def show(self, moment: Mapping[str, Any]) -> None:
        """Show a moment of an attempt."""
        ...

    def add(self, text: str) -> None:
        """Show more of the answer. The text is a model's, and not trusted."""
        ...

    def restart(self) -> None:
        """Forget the answer so far: another one begins."""
        ...

    def close(self) -> None:
        """Show the race as it has ended, or as far as it went."""
        ...


class LiveScreen:
    """A terminal."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._lanes = Lanes()
        self._pieces: list[str] = []
        self._lock = threading.Lock()
        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            auto_refresh=FRAME_SECONDS > 0,
            refresh_per_second=1 / FRAME_SECONDS if FRAME_SECONDS > 0 else 1,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def show(self, moment: Mapping[str, Any]) -> None:
        """Draw the lanes anew."""
        with self._lock:
            decides = self._lanes.take(moment) is not None
        self._draw(at_once=decides)

    def add(self, text: str) -> None:
        """Draw the answer anew, a moment later."""
        text = shown(text)
        with self._lock:
            self._pieces.append(text)
        self._draw()

    def restart(self) -> None:
        """Draw the lanes without an answer."""
        with self._lock:
            self._pieces.clear()
        self._draw(at_once=True)

    def close(self) -> None:
        """Write the lanes and the answer, which stay."""
        self._live.stop()
        for row in lane_rows(self._lanes, self._console.width):
            self._console.print(row, soft_wrap=True)
        answer = "".join(self._pieces)
        if answer:
            # The terminal breaks its lines, so that they are copied whole.
            self._console.print("", Text(answer), sep="\n", soft_wrap=True)

    def _draw(self, *, at_once: bool = False) -> None:
        if not self._live.is_started:
            self._live.start()
        if at_once or FRAME_SECONDS == 0:
            self._live.refresh()

    def _picture(self) -> Group:
        """Return the lanes, and as many lines of the answer's end as there is room for."""
        width, height = self._console.size
        with self._lock:
            rows = lane_rows(self._lanes, width)
            room = max(1, height - len(rows) - 2)
            end = self._end(width * room)
        lines = Text(end).wrap(self._console, width)[-room:]
        return Group(*rows, *((Text(""), *lines) if end else ()))

    def _end(self, characters: int) -> str:
        """Return at least so many characters of the answer's end, if it has so many."""
        end: list[str] = []
        for piece in reversed(self._pieces):
            end.append(piece)
            characters -= len(piece)
            if characters <= 0:
                break
        return "".join(reversed(end))


class PlainScreen:
    """A file or pipe: a line for each moment except mere progress, and then the answer."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lanes = Lanes()
        self._pieces: list[str] = []

    def show(self, moment: Mapping[str, Any]) -> None:
        """Write the line of a moment, if it has one."""
        line = self._lanes.take(moment)
        if line is not None:
            print(line, file=self._out, flush=True)

    def add(self, text: str) -> None:
        """Keep a text until the race has ended."""
        self._pieces.append(shown(text))

    def restart(self) -> None:
        """Forget the kept text."""
        self._pieces.clear()

    def close(self) -> None:
        """Write the answer, if there is one."""
        if self._pieces:
            print("", "".join(self._pieces), sep="\n", file=self._out, flush=True)


class TextScreen:
    """A file or pipe that gets the answer as it comes, and nothing else."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = "\n"

    def show(self, moment: Mapping[str, Any]) -> None:
        """Write nothing: an attempt is no part of the answer."""

    def add(self, text: str) -> None:
        """Write more of the answer."""
        text = shown(text)
        if text:
            self._out.write(text)
            self._out.flush()
            self._last = text[-1]

    def restart(self) -> None:
        """Say that what was written before is void."""
        self.close()
        self.add("[the stream broke; another answer begins]\n")

    def close(self) -> None:
        """End the last line."""
        if self._last != "\n":
            self.add("\n")


def screen_for(out: TextIO) -> Screen:
    """Return the screen of a race that fits `out`."""
    return LiveScreen(out) if out.isatty() else PlainScreen(out)
