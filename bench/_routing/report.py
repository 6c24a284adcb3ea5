"""The report of `bench.routing`: one row for each trouble, and a plot of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench._routing.play import RECOVERY_SECONDS, TROUBLE_SECONDS, Played

WINDOW_SECONDS = 600.0
"""The maximum age of known latencies and outcomes; a recovery may take this long."""


@dataclass(frozen=True, slots=True)
class Report:
    """All played troubles."""

    played: Sequence[Played]

    @property
    def missed(self) -> list[str]:
        """Where the router did not follow, or did not recover within the window."""
        words = []
        for one in self.played:
            if one.left_after is None:
                words.append(f"{one.trouble}: was asked as before for {TROUBLE_SECONDS:.0f} s")
            # A slice that began just before the trouble's end lives five minutes longer.
            if one.back_after is None or one.back_after > WINDOW_SECONDS + 300:
                words.append(f"{one.trouble}: was not asked again in {RECOVERY_SECONDS:.0f} s")
        return words

    @property
    def complaint(self) -> str:
        """What was missed. In virtual time this is never noise of the machine."""
        return "; ".join(self.missed)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"played": [asdict(one) for one in self.played], "missed": self.missed}

    def to_text(self) -> str:
        """Return the report as text."""
        head = ["the first provider is", "score before", "lowest", "left after", "back after"]
        lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
        for one in self.played:
            cells = [one.trouble, f"{one.before:.0f}", f"{one.lowest:.0f}"]
            cells += [_seconds(one.left_after), _seconds(one.back_after)]
            lines.append(f"| {' | '.join(cells)} |")
        told = f"MISSED: {self.complaint}" if self.missed else "the router followed, and came back"
        return "\n".join([*lines, "", told])

    def draw(self, path: Path) -> None:
        """Draw the report into a file. Needs matplotlib."""
        import_module("bench._routing.plot").draw(self.played, path)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"
