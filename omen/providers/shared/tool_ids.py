"""Ids of tool calls: made where an upstream gives none, rewritten where one is too strict."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

_STRICT = re.compile(r"[a-zA-Z0-9_-]+")
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_OUTSIDE = re.compile(r"[^a-zA-Z0-9_-]")


def made_id() -> str:
    """Make an id. Random, because it must be unique in a conversation, not in one answer."""
    return f"call_{secrets.token_hex(12)}"


def strict_id(tool_id: str) -> str:
    """Write an id in letters, digits, `_` and `-`; one that is so already is left alone.

    The same id always gives the same result, so that a call and its result keep matching, and
    a piece of its hash keeps apart what the alphabet would make equal.
    """
    if _STRICT.fullmatch(tool_id):
        return tool_id
    digest = sha256(tool_id.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return f"{_OUTSIDE.sub('_', tool_id)}_{digest}"


def short_id(tool_id: str, limit: int) -> str:
    """Return an id of at most `limit` characters; one that is short enough is left alone."""
    if len(tool_id) <= limit:
        return tool_id
    digest = sha256(tool_id.encode("utf-8", "backslashreplace")).hexdigest()[:24]
    return f"{tool_id[: limit - len(digest) - 1]}_{digest}"


def nine_id(tool_id: str) -> str:
    """Return an id of nine letters and digits, which is the only form that Mistral takes."""
    if _NINE.fullmatch(tool_id):
        return tool_id
    return sha256(tool_id.encode("utf-8", "backslashreplace")).hexdigest()[:9]
