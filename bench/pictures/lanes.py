"""One request as lanes on a common axis of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.pictures.scenes import Lane, Played
from bench.pictures.svg import line, picture, rect, words

WIDTH = 860
LEFT, RIGHT = 150, 170
TOP, STEP, BAR = 84, 34, 14
_ENDS = {"won": "✔", "lost": "✂"}
_STEPS = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0)

Grow = Callable[[float, float], str]
"""Returns the classes of a bar that grows between two times; none in a picture that stands."""
Appear = Callable[[float], str]
"""Returns the class of a mark that appears at a time."""


def draw_lanes(played: Played) -> str:
    """Return the picture of a request."""
    height = TOP + STEP * (len(played.lanes) + 1) + 34
    axis = Axis(played.ended)
    parts = [
        *head(played, axis, height),
        *lanes(played, axis, lambda a, b: "", lambda at: ""),
    ]
    return picture(WIDTH, height, played.title, parts)


class Axis:
    """Where a time is. Its end is the end of the request."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        wanted = seconds / 5
        self.step = next((step for step in _STEPS if step >= wanted), 5.0)

    def x(self, at: float) -> float:
        """Return the place of a time."""
        return LEFT + (WIDTH - LEFT - RIGHT) * at / self.seconds

    @property
    def ticks(self) -> list[float]:
        """The times that are named."""
        return [self.step * n for n in range(int(self.seconds / self.step) + 1)]


def head(played: Played, axis: Axis, height: int) -> list[str]:
    """Return the title, what the colours mean, and the axis."""
    bottom = TOP + STEP * (len(played.lanes) + 1) - 6
    parts = [words("head", 20, 30, played.title)]
    x = 20.0
    for kind, meaning in (
        ("wait", "waits for a token"),
        ("held", "tokens held back"),
        ("won", "reaches the client"),
    ):
        parts += [rect(kind, x, 45, 22, 10), words("dim small", x + 28, 54, meaning)]
        x += 44 + 7 * len(meaning)
    for tick in axis.ticks:
        parts += [
            line(
                "edge", axis.x(tick), TOP - 10, axis.x(tick), bottom, more=' stroke-dasharray="2 4"'
            ),
            words("dim small mid", axis.x(tick), height - 14, _milliseconds(tick)),
        ]
    return parts


def lanes(played: Played, axis: Axis, grow: Grow, appear: Appear) -> list[str]:
    """Return the lane of the client, and that of each attempt."""
    commit, end = played.committed, played.ended
    bottom = TOP + STEP * (len(played.lanes) + 1) - 6
    parts = [
        words("ink", 20, TOP + 11, "client"),
        rect("wait" + grow(0, commit), axis.x(0), TOP + 5, axis.x(commit) - axis.x(0), 4),
        rect("won" + grow(commit, end), axis.x(commit), TOP, axis.x(end) - axis.x(commit), BAR),
        words("dim" + appear(end), axis.x(end) + 8, TOP + 12, "whole answer"),
    ]
    x, label, mark = axis.x(commit), f"commit {_milliseconds(commit)}", ' stroke-dasharray="5 3"'
    parts.append(line("won" + appear(commit), x, TOP - 12, x, bottom, more=mark))
    parts.append(words("won small" + appear(commit), x + 5, TOP - 6, label))
    for row, lane in enumerate(played.lanes, start=1):
        parts += _lane(lane, TOP + STEP * row, axis, grow, appear)
    return parts


def _lane(lane: Lane, y: float, axis: Axis, grow: Grow, appear: Appear) -> Sequence[str]:
    parts = [words("ink", 20, y + 11, lane.name)]
    if lane.role not in ("primary", "entrant"):
        parts.append(words("dim small", 20, y + 23, lane.role))
    first = lane.first_token if lane.first_token is not None else lane.last_token
    held_until = lane.committed if lane.committed is not None else lane.last_token
    for kind, begin, end, thick in (
        ("wait", lane.started, first, 4),
        ("held", first, held_until, BAR),
        ("won", held_until, lane.last_token, BAR),
    ):
        if end > begin:
            place = y + (BAR - thick) / 2
            width = axis.x(end) - axis.x(begin)
            parts.append(rect(kind + grow(begin, end), axis.x(begin), place, width, thick))
    kind, text = _end(lane)
    end = lane.last_token
    parts.append(words(kind + appear(end), axis.x(end) + 8, y + 12, text))
    return parts


def _end(lane: Lane) -> tuple[str, str]:
    """Return the colour and the words of a lane's end."""
    at = _milliseconds(lane.last_token)
    if lane.outcome == "won":
        return "won", f"✔ complete {at}"
    if lane.role == "draft":
        return "dim", f"✔ draft {at}"
    if lane.outcome == "lost":
        return "lost", f"✂ cancelled {at}"
    return "failed", f"✗ {lane.reason or lane.outcome}"


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)} ms"
