"""Whether a text repeats itself without end, as a model does that has lost its way."""

from __future__ import annotations

import re

REPEATS, SUSPICIOUS = 6, 3
"""How often a piece in a row is a loop, and from when on it may become one."""
FEWEST_CHARACTERS = 24
"""Characters of a loop. Laughter and the chorus of a song are shorter."""
LONGEST_PIECE = 80
_TAIL = LONGEST_PIECE * (REPEATS + 1)
_WORD = re.compile(r"[^\W\d_]")


def is_loop(text: str, *, has_ended: bool) -> bool | None:
    """Return whether the end of a text is one piece again and again; None if more of it tells.

    A piece without a letter (a ruler, dots, a table's frame, digits) is none.
    """
    tail = text[-_TAIL:]
    is_suspicious = False
    for size in range(1, min(LONGEST_PIECE, len(tail) // SUSPICIOUS) + 1):
        length = _length(tail, size)
        if length >= max(REPEATS * size, FEWEST_CHARACTERS):
            return True
        is_suspicious = is_suspicious or length >= SUSPICIOUS * size
    return None if is_suspicious and not has_ended else False


def _length(tail: str, size: int) -> int:
    """Return how many characters at the end are the last piece of this size, again and again."""
    piece, at = tail[-size:], len(tail) - size
    if not tail.endswith(piece, 0, at) or not _WORD.search(piece):
        return 0
    while tail.endswith(piece, 0, at):
        at -= size
    return len(tail) - at
