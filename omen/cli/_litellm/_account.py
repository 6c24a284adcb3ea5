"""What became of every key: nothing of the other configuration disappears without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from omen.cli._litellm._yaml import Place, Source

Outcome = Literal["mapped", "differs", "none", "unknown"]
"""`differs`: OMEN does something similar in another way. `none`: it has nothing like it."""
_LONGEST = 60
_MOST_TEXT = 400
_BARE = re.compile(r"[\w.*/:@+-]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. It contains no value of the file."""

    line: int
    key: str
    outcome: Outcome
    text: str


class Account:
    """Collects what became of keys. A note about a table holds for everything in it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._notes: dict[Place, tuple[Outcome, str]] = {}

    def mapped(self, place: Place, text: str) -> None:
        """Note a key that means the same in OMEN. The first note about a place counts."""
        self._notes.setdefault(place, ("mapped", text))

    def differs(self, place: Place, text: str) -> None:
        """Note a key for which OMEN does something similar in another way."""
        self._notes.setdefault(place, ("differs", text))

    def none(self, place: Place, text: str) -> None:
        """Note a key without an equivalent, and why."""
        self._notes.setdefault(place, ("none", text))

    def known(self, place: Place, table: Any, notes: dict[str, tuple[Outcome, str]]) -> None:
        """Note the keys of a table that need no more than a fixed text."""
        for key in table if isinstance(table, dict) else ():
            if key in notes:
                self._notes.setdefault((*place, key), notes[key])

    def rows(self) -> Iterator[Row]:
        """Yield the report in the order of the file: each note, and each key without one."""
        rows = [self._row(place, *note) for place, note in self._notes.items()]
        for place in self._source.leaves():
            if place and not any(place[:length] in self._notes for length in range(len(place) + 1)):
                text = "OMEN's import does not know this key; nothing was imported for it"
                rows.append(self._row(place, "unknown", text))
        for place in self._source.repeated:
            rows.append(self._row(place, "differs", "it occurs twice; the last one was used"))
        yield from sorted(rows, key=lambda row: row.line)

    def _row(self, place: Place, outcome: Outcome, text: str) -> Row:
        line = next(
            self._source.lines[place[:length]]
            for length in range(len(place), -1, -1)
            if place[:length] in self._source.lines
        )
        return Row(line, shown_place(place), outcome, _printable(text))


def shown_place(place: Place) -> str:
    """Return a place as `model_list[0].litellm_params.model`, printable and not too long."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if len(part) <= _LONGEST else f"{part[:_LONGEST]}…"
        name = _printable(name)
        text += ("." if text else "") + (name if _BARE.fullmatch(name) else repr(name))
    return text


def _printable(text: str) -> str:
    """Return a text without what could move a terminal's cursor. Names of the file are in some."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_MOST_TEXT])
