"""Joins the further fields of a message that came in pieces (`MessageFields`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GROWING = ("text", "summary", "data")
"""Texts of a detail of reasoning that a stream cuts in pieces."""


class FieldJoiner:
    """Puts the fields of one message together, in the order in which their pieces came."""

    def __init__(self) -> None:
        self.joined: dict[str, Any] = {}

    def add(self, fields: Mapping[str, Any]) -> None:
        """Take the next pieces: lists go on, anything else is replaced."""
        for name, value in fields.items():
            before = self.joined.get(name)
            if name == "reasoning_details" and isinstance(value, list):
                self.joined[name] = _joined_details(before or [], value)
            elif isinstance(before, list) and isinstance(value, list):
                self.joined[name] = [*before, *value]
            else:
                self.joined[name] = value


def _joined_details(before: list[Any], pieces: list[Any]) -> list[Any]:
    """Join details of reasoning: pieces of one type and index are one detail.

    **Source.** openrouter.ai/docs, reasoning tokens, streaming, read 2026-11-30.
    """
    joined = list(before)
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, dict) and isinstance(last, dict) and _is_same(last, piece):
            joined[-1] = _joined(last, piece)
        else:
            joined.append(piece)
    return joined


def _is_same(detail: dict[str, Any], piece: dict[str, Any]) -> bool:
    same = all(detail.get(name) == piece.get(name) for name in ("type", "index"))
    return same and "index" in piece and piece.get("type") != "reasoning.encrypted"


def _joined(detail: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in piece.items() if value is not None}
    grown = {
        name: (detail.get(name) or "") + said[name]
        for name in _GROWING
        if isinstance(said.get(name), str)
    }
    return {**detail, **said, **grown}
