"""A race that runs: the same lanes, growing in the time of the race, and the answer under them.

CSS animations and no script. A reader who wants less motion sees the race as it ended.
"""

from __future__ import annotations

from html import escape

from bench.pictures.lanes import STEP, TOP, WIDTH, Axis, head, lanes
from bench.pictures.scenes import Played
from bench.pictures.svg import number, picture, rect, words

SLOWER = 2.5
"""Seconds of the picture for one of the race: 200 ms are too short to be seen."""
PAUSE = 2.5
"""Seconds for which the end is shown."""
COLUMNS = 90


def draw_live(played: Played) -> str:
    """Return the animated picture of a race."""
    animation = _Animation(played.ended)
    top = TOP + STEP * (len(played.lanes) + 1) + 34
    height = top + 74
    axis = Axis(played.ended)
    parts = [
        *head(played, axis, top),
        *lanes(played, axis, animation.grow, animation.appear),
        *_answer(played, animation, top + 18),
    ]
    return picture(WIDTH, height, played.title, parts, animation.style())


def _answer(played: Played, animation: _Animation, y: float) -> list[str]:
    """Return the answer as the client gets it: each word at its time."""
    parts = [words("dim small", 20, y, "what the client gets")]
    lines: list[list[tuple[float, str]]] = [[]]
    for at, word in played.words:
        # A piece of an answer may be a part of a word.
        is_full = sum(len(text) for _, text in lines[-1]) + len(word) > COLUMNS
        if is_full and word.startswith(" "):
            lines.append([])
            word = word.lstrip()
        lines[-1].append((at, word))
    for number_, line_ in enumerate(lines[:2]):
        spans = "".join(
            f'<tspan class="{animation.appear(at).strip()}">{escape(text)}</tspan>'
            for at, text in line_
        )
        place = f'xml:space="preserve" x="20" y="{number(y + 20 + 20 * number_)}"'
        parts.append(f'<text class="ink" {place}>{spans}</text>')
    parts.append(rect("edge", 20, y - 16, WIDTH - 40, 1))
    return parts


class _Animation:
    """The keyframes of a picture; those of equal times are shared."""

    def __init__(self, seconds: float) -> None:
        self._whole = seconds * SLOWER + PAUSE
        self._frames: dict[str, str] = {}

    def grow(self, begin: float, end: float) -> str:
        """Return the classes of a bar that grows from one time to another."""
        first, last = self._percent(begin), self._percent(end)
        frames = (
            f"0%,{first}%{{transform:scaleX(0)}}{last}%,100%{{transform:scaleX(1)}}"
            if first != "0"
            else f"0%{{transform:scaleX(0)}}{last}%,100%{{transform:scaleX(1)}}"
        )
        return f" bar {self._named(frames)}"

    def appear(self, at: float) -> str:
        """Return the class of a mark that appears at a time."""
        when = self._percent(at)
        before = self._percent(max(0.0, at - 0.001))
        frames = f"0%,{before}%{{fill-opacity:0;stroke-opacity:0}}{when}%,100%"
        return " " + self._named(frames + "{fill-opacity:1;stroke-opacity:1}")

    def style(self) -> str:
        """Return the rules of all animations."""
        time = f"{number(self._whole)}s linear infinite"
        rules = "".join(
            f"@keyframes {name}{{{frames}}}.{name}{{animation:{name} {time}}}"
            for frames, name in self._frames.items()
        )
        bars = ".bar{transform-box:fill-box;transform-origin:left}"
        return f"{bars}@media (prefers-reduced-motion:no-preference){{{rules}}}"

    def _named(self, frames: str) -> str:
        return self._frames.setdefault(frames, f"k{len(self._frames)}")

    def _percent(self, at: float) -> str:
        return number(100 * at * SLOWER / self._whole)
