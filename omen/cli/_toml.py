"""Writing TOML: strings, keys and comments, whatever is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def quoted(text: str) -> str:
    """Return a basic string of TOML. JSON's escapes are TOML's, but for DEL, which TOML forbids.

    A lone surrogate, which UTF-8 cannot express, is replaced.
    """
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """Return a key, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else quoted(name)


def header(*names: str) -> str:
    """Return the line that opens a table."""
    return f"[{'.'.join(map(key, names))}]"


def array(texts: Iterable[str]) -> str:
    """Return an array of strings."""
    return f"[{', '.join(map(quoted, texts))}]"


def comment(text: str) -> str:
    """Return a comment of a single line. What could end it, or is not printable, is replaced."""
    return f"# {''.join(sign if sign.isprintable() else '?' for sign in text)}"
