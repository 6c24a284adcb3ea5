"""A text that arrives in pieces, in time that grows with its length only. Pure.

`text += piece` on an attribute copies the whole text each time: a megabyte in pieces of ten bytes
copies 50 GB.
"""

from __future__ import annotations


class Pieces:
    """The pieces of one text. `size` is its length so far, in characters."""

    __slots__ = ("_pieces", "size")

    def __init__(self, text: str = "") -> None:
        self._pieces = [text] if text else []
        self.size = len(text)

    def __bool__(self) -> bool:
        return self.size > 0

    def add(self, piece: str) -> None:
        """Add the next piece."""
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)

    @property
    def text(self) -> str:
        """The text so far. It takes time that grows with its length: read it at the end."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def ends_with(self, ending: str) -> bool:
        """Return whether the text, without blanks at its end, ends with one character."""
        for piece in reversed(self._pieces):
            if stripped := piece.rstrip():
                return stripped.endswith(ending)
        return False
