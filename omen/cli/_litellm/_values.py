"""Values of LiteLLM's configuration: references to variables, numbers, URLs, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard
from urllib.parse import urlsplit, urlunsplit

from omen.core.secrets import PLACEHOLDERS

_LONGEST_SECONDS = 10 * 365 * 24 * 3600
_MOST_USD = 1_000_000
"""Far below OMEN's own limits: more is a mistake of somebody."""
_REFERENCE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_PATH = re.compile(r"[!-~]*")
_NO_KEY = PLACEHOLDERS | {"", "none", "null", "fake", "fake-key", "empty", "sk-1234"}


def reference(value: object) -> str | None:
    """Return `env:NAME` for LiteLLM's `os.environ/NAME`; None for any other value."""
    match = _REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    return f"env:{match[1]}" if match else None


def is_placeholder(value: object) -> bool:
    """Return whether a key is written where a server wants none."""
    return not isinstance(value, str) or value.strip().lower() in _NO_KEY


def number(value: object) -> Decimal | None:
    """Return a number, also one that YAML reads as a text (`1e-6`); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return read if read.is_finite() and read.adjusted() < 15 and read.adjusted() > -30 else None


def seconds(value: object) -> str | float | None:
    """Return a positive duration or a reference to one; None for anything else."""
    read = number(value)
    if read is None:
        return reference(value)
    return float(read) if 0 < read <= _LONGEST_SECONDS else None


def count(value: object) -> str | int | None:
    """Return a whole number of at least 1, or a reference to one; None for anything else."""
    read = number(value)
    if read is None:
        return reference(value)
    return int(read) if read >= 1 and read == int(read) else None


def per_million(value: object) -> Decimal | None:
    """Return a price per token as one per million tokens; None if it is no price."""
    read = number(value)
    if read is None or not 0 <= read <= _MOST_USD:
        return None
    return (read * 1_000_000).normalize() + 0


def usd(value: object) -> float | None:
    """Return an amount of US dollars; None if it is none."""
    read = number(value)
    return float(read) if read is not None and 0 <= read <= _MOST_USD else None


def is_name(value: object) -> TypeGuard[str]:
    """Return whether a value can be a name in `omen.toml`: a printable text."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def texts(value: object) -> Iterator[str]:
    """Yield the texts of a list, or a single text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def table(value: object) -> dict[str, Any]:
    """Return a table; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def is_host(value: object) -> TypeGuard[str]:
    """Return whether a value is the name or the address of a host."""
    return isinstance(value, str) and _HOST.fullmatch(value) is not None


def cleaned_url(kind: str, text: str) -> str | None:
    """Return a URL in the form that a kind of OMEN expects; None if it has credentials or is none.

    LiteLLM accepts the whole address of a call. OMEN adds the path itself.
    """
    try:
        parts = urlsplit(text.strip())
        has_host = parts.scheme in ("http", "https") and is_host(parts.hostname)
        is_usable = has_host and parts.port != 0 and not parts.fragment
    except ValueError:
        return None
    if not is_usable or "@" in parts.netloc or _PATH.fullmatch(parts.path) is None:
        return None
    path = parts.path.rstrip("/")
    if kind in ("azure", "ollama"):
        path = ""
    for end in ("/chat/completions", "/messages", "/responses"):
        path = path.removesuffix(end)
    if kind == "anthropic":
        path = path.removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def scalars(value: object) -> Iterator[object]:
    """Yield everything in a value that is no table and no list."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from scalars(inner)
    else:
        yield value
