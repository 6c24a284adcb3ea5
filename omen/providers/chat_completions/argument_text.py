"""Where the arguments of one tool call end and those of the next begin.

Arguments are the text of one JSON object. Some servers write the objects of several calls into one
call, back to back. No JSON has an opening brace right behind the closing one of its outermost
object, so the place can be found without guessing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pydantic_core import from_json

_BACK_TO_BACK = re.compile(r"\}\s*\{")
_DECODER = json.JSONDecoder()


def is_object(text: str) -> bool:
    """Whether a text is one whole JSON object."""
    try:
        return isinstance(from_json(text), dict)
    except ValueError:
        return False


def is_back_to_back(text: str) -> bool:
    """Return whether a piece of arguments may hold the end of one object and the next one."""
    return _BACK_TO_BACK.search(text) is not None


def split_objects(before: str, text: str) -> Sequence[str]:
    """Cut a piece of arguments where whole objects end and others begin.

    `before` is what came of the same arguments so far. The first piece belongs to it; each further
    one begins the arguments of another call. Mostly there is one piece: the text itself.
    """
    if not _BACK_TO_BACK.search(text):
        return [text]
    whole = before + text
    first = start = _past_blanks(whole, 0)
    cuts = [len(before)]
    while start < len(whole) and whole[start] == "{":
        if start > max(first, len(before)):
            cuts.append(start)
        try:
            _, end = _DECODER.raw_decode(whole, start)
        except (ValueError, RecursionError):
            break
        start = _past_blanks(whole, end)
    return [whole[a:b] for a, b in zip(cuts, [*cuts[1:], len(whole)], strict=True)]


def _past_blanks(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start
