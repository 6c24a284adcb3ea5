"""The text of keys and values in messages, without secrets.

A message may end up in a log, a bug report or a screenshot. So a value is shown only if nothing
suggests that it is a secret. If too much is hidden, the operator must open the file. If too much is
shown, a key is compromised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from difflib import get_close_matches

KeyPath = tuple[str | int, ...]

_SECRET_KEYS = frozenset({"api_key", "admin_key", "redis_url", "url"})
_LONGEST = 60
_SEARCHED = 1000
"""Characters that are searched for a secret. The time of the search grows with their square, and
messages show at most `_LONGEST` characters of a value."""

# A key is recognised by its vendor's prefix, by a run of letters and digits that no model name or
# host name has, or by the form of a UUID. A URL may have credentials before its host or in its
# query.
_SECRET_LOOK = re.compile(
    r"""\b(?:sk|pk|rk|xai|key)-[\w-]{6}
    | \b(?:sk|pk|rk|gsk|hf|ghp)_\w{6}
    | \b(?:eyJ|AIza)\w{6}
    | (?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20}
    | [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-
    | (?i:\bbearer\s)
    | @
    | ://\S*\?
    """,
    re.VERBOSE,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class EnvText(str):
    """Text from an environment variable. It has no type yet: a number is still a string here."""


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as a dotted key of TOML; a position in a list as `[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + _component(part)
    return text


def shown(value: object, path: KeyPath, *, hidden: bool = False) -> str:
    """Return a description of a value, with its content unless that is or looks like a secret."""
    kind = _kind_of(value)
    if isinstance(value, Mapping | list) or value == "":
        return kind
    names = [part for part in path if isinstance(part, str)]
    if hidden or (names and names[-1] in _SECRET_KEYS):
        return f"{kind} that is not shown"
    if isinstance(value, str):
        if looks_secret(value):
            return f"{kind} that is not shown"
        return repr(str(value)) if len(value) <= _LONGEST else f"{str(value)[:_LONGEST]!r}…"
    return json.dumps(value) if isinstance(value, bool) else _written(value, kind)


def _written(value: object, kind: str) -> str:
    try:
        text = str(value)
    except ValueError:  # Python does not convert an integer of more than 4300 digits
        return f"{kind} of thousands of digits"
    return text if len(text) <= _LONGEST else f"{kind} of {len(text)} characters"


def looks_secret(text: str) -> bool:
    """Return whether text might be a key or a URL with credentials, in its searched beginning."""
    return _SECRET_LOOK.search(text[:_SEARCHED]) is not None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is similar to `word`, or None."""
    if len(word) > _LONGEST:
        return None
    spelling = {name.lower(): name for name in known}
    matches = get_close_matches(word.lower(), list(spelling), n=1, cutoff=0.65)
    return spelling[matches[0]] if matches else None


def _component(name: str) -> str:
    if looks_secret(name):
        return "(not shown)"
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}…"
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)


_KINDS = (
    (bool, "a boolean"),  # before int, because a bool is an int
    (int, "an integer"),
    (float, "a number"),
    (Mapping, "a table"),
    (list, "a list"),
    ((date, time), "a date or time"),
)


def _kind_of(value: object) -> str:
    if value in ("", []):
        return "an empty string" if value == "" else "an empty list"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "a string")
