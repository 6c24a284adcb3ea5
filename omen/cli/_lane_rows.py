"""Lanes in colour, cut to the width of a terminal: pure, from lanes to lines of rich's text."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from omen.cli._lanes import WIDTH, Lane, Lanes

NARROWEST_TRACK = 4
NARROWEST_NAME = 12
_BETWEEN = len("  " + " 1234 tok  ")
_STYLES = {"won": "bold green", "lost": "yellow", "running": "cyan"}
_FAILED = "red"


def lane_rows(lanes: Lanes, width: int) -> list[Text]:
    """Return a line for each lane, in starting order, none wider than `width` cells.

    With less room the tracks become shorter first, then the names. What is still too long is cut.
    """
    every = lanes.all
    if not every:
        return []
    name = max(cell_len(lane.name) for lane in every)
    state = max(cell_len(lane.state()) for lane in every)
    track = max(NARROWEST_TRACK, min(WIDTH, width - name - state - _BETWEEN))
    name = min(name, max(NARROWEST_NAME, width - track - state - _BETWEEN))
    return [_row(lane, name, track, width) for lane in every]


def _row(lane: Lane, name: int, track: int, width: int) -> Text:
    style = _style(lane)
    row = Text(no_wrap=True)
    row.append(set_cell_size(lane.name, name), "bold" if lane.committed_ms is not None else "")
    marks = lane.track(track)
    row.append("  " + marks.rstrip("·"), style)
    row.append(marks[len(marks.rstrip("·")) :], "dim")
    row.append(f" {lane.tokens:>4} tok  ", "dim")
    row.append(lane.state(), style)
    row.truncate(width, overflow="ellipsis")
    return row


def _style(lane: Lane) -> str:
    if lane.ended_ms is None:
        return _STYLES["won"] if lane.committed_ms is not None else _STYLES["running"]
    return _STYLES.get(lane.outcome, _FAILED)
