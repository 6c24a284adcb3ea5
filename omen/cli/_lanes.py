"""The lanes of a race, one per attempt: a pure state that takes moments and draws text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omen.cli._shown import one_line

WIDTH = 24
"""Characters of a lane's track."""
_TOKENS_PER_CHARACTER = 2
"""Tokens per character, until the track is full."""


@dataclass(slots=True)
class Lane:
    """One attempt, as far as it is known. Times are milliseconds since accept."""

    name: str
    started_ms: float
    now_ms: float
    tokens: int = 0
    committed_ms: float | None = None
    ended_ms: float | None = None
    outcome: str = "running"
    reason: str | None = None

    def draw(self, name_width: int) -> str:
        """Return the lane as one line of text."""
        return f"{self.name:<{name_width}}  {self.track()} {self.tokens:>4} tok  {self.state()}"

    def track(self, width: int = WIDTH) -> str:
        """Return the track: a mark for every two tokens, until it is full."""
        length = min(width, -(-self.tokens // _TOKENS_PER_CHARACTER))
        return ("━" * length).ljust(width, "·")

    def state(self) -> str:
        """Return the attempt's state as text."""
        committed = "" if self.committed_ms is None else f"✔ committed {self.committed_ms:.0f} ms"
        if self.ended_ms is None:
            return committed or f"… {self.now_ms:.0f} ms"
        if self.outcome == "won":
            # The feed drops moments for a slow reader, and the commit may be among them.
            return f"{committed or '✔'}, complete {self.ended_ms:.0f} ms"
        if self.outcome == "lost":
            return f"✂ cancelled {self.ended_ms:.0f} ms"
        suffix = f": {self.reason}" if self.reason else ""
        return f"✗ {self.outcome} {self.ended_ms:.0f} ms{suffix}"


class Lanes:
    """Every attempt of one race, in starting order."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}

    @property
    def all(self) -> list[Lane]:
        """The lanes, in starting order."""
        return [self._lanes[index] for index in sorted(self._lanes)]

    def take(self, moment: Mapping[str, Any]) -> str | None:
        """Apply a moment (from `RaceMoment.as_json`). Return a line, or None for mere progress."""
        t_ms = moment["t_ms"]
        lane = self._lanes.get(moment["attempt"])
        if lane is None:
            name = one_line(f"{moment['provider']}/{moment['model']}")
            lane = Lane(name, t_ms, t_ms)
            self._lanes[moment["attempt"]] = lane
        lane.now_ms = t_ms
        lane.tokens = moment["tokens"]
        match moment["moment"]:
            case "committed":
                lane.committed_ms = t_ms
            case "ended" | "denied":
                lane.ended_ms = t_ms
                lane.outcome = moment["outcome"]
                # A text from an upstream must not move the cursor.
                lane.reason = moment["reason"] and one_line(moment["reason"])
            case "progressed":
                return None
        return f"{t_ms:9.1f} ms  {lane.name}  {_WORDS[moment['moment']]}{_rest(lane)}"

    def draw(self) -> list[str]:
        """Return every lane as one line, in starting order."""
        width = max((len(lane.name) for lane in self._lanes.values()), default=0)
        return [lane.draw(width) for lane in self.all]


_WORDS = {"started": "started", "committed": "committed", "ended": "", "denied": ""}


def _rest(lane: Lane) -> str:
    if lane.ended_ms is None:
        return f" with {lane.tokens} tokens" if lane.committed_ms is not None else ""
    outcome = {"lost": "cancelled", "won": "complete"}.get(lane.outcome, lane.outcome)
    suffix = f": {lane.reason}" if lane.reason else ""
    return f"{outcome}, {lane.tokens} tokens{suffix}"
