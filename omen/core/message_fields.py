"""Joins the further fields of a message that came in pieces (`MessageFields`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.core.pieces import Pieces

_GROWING = ("text", "summary", "data")
"""Texts of a detail of reasoning that a stream cuts in pieces."""


class FieldJoiner:
    """Puts the fields of one message together, in the order in which their pieces came."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._growing: dict[str, Pieces] = {}
        """The texts of the last detail of reasoning, while they grow."""

    @property
    def joined(self) -> dict[str, Any]:
        """The fields so far."""
        self._settle()
        return self._fields

    def add(self, fields: Mapping[str, Any]) -> None:
        """Take the next pieces: lists go on, anything else is replaced."""
        for name, value in fields.items():
            if name == "reasoning_details" and isinstance(value, list):
                if not isinstance(self._fields.get(name), list):
                    self._fields[name] = []
                self._add_details(self._fields[name], value)
            elif isinstance(self._fields.get(name), list) and isinstance(value, list):
                self._fields[name].extend(value)
            else:
                self._fields[name] = list(value) if isinstance(value, list) else value

    def _add_details(self, joined: list[Any], pieces: list[Any]) -> None:
        """Join details of reasoning: pieces of one type and index are one detail.

        **Source.** openrouter.ai/docs, reasoning tokens, streaming, read 2026-11-30.
        """
        for piece in pieces:
            last = joined[-1] if joined else None
            if isinstance(piece, dict) and isinstance(last, dict) and _is_same(last, piece):
                self._join(last, piece)
            else:
                self._settle()
                joined.append(dict(piece) if isinstance(piece, dict) else piece)

    def _join(self, detail: dict[str, Any], piece: dict[str, Any]) -> None:
        for name, value in piece.items():
            if name in _GROWING and isinstance(value, str):
                if name not in self._growing:
                    self._growing[name] = Pieces(detail.get(name) or "")
                self._growing[name].add(value)
            elif value is not None:
                detail[name] = value

    def _settle(self) -> None:
        """Write the texts that have grown into their detail, which is the last one."""
        if self._growing:
            self._fields["reasoning_details"][-1].update(
                {name: pieces.text for name, pieces in self._growing.items()}
            )
            self._growing = {}


def _is_same(detail: dict[str, Any], piece: dict[str, Any]) -> bool:
    same = all(detail.get(name) == piece.get(name) for name in ("type", "index"))
    return same and "index" in piece and piece.get("type") != "reasoning.encrypted"
