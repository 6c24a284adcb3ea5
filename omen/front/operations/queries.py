"""Query parameters of the operators' routes: a name that a route does not know is refused.

A mistyped filter that is ignored would show everything, and look like an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from omen.core.errors import RequestError
from omen.ledger.past import MOST, USUAL

_Value = TypeVar("_Value")
LONGEST_VALUE = 500
_FLAGS = {"true": True, "1": True, "": True, "false": False, "0": False}


def check_names(args: Collection[str], allowed: Collection[str]) -> None:
    """Refuse an unknown parameter. **Raises.** `RequestError` 400 that names it."""
    for name in args:
        if name not in allowed:
            shown = name[:40]
            known = ", ".join(allowed)
            raise RequestError(f"{shown!r} is not a parameter here; allowed: {known}", param=shown)


def read_text(args: Mapping[str, str], name: str) -> str | None:
    """Return a parameter that is not empty; None if it is missing. **Raises.** `RequestError`."""
    given = args.get(name)
    if given is not None and not 0 < len(given) <= LONGEST_VALUE:
        raise RequestError(f"{name}: must have 1 to {LONGEST_VALUE} characters", param=name)
    return given


def read_flag(args: Mapping[str, str], name: str) -> bool:
    """Return whether a parameter is `true`; it may also stand alone. **Raises.** `RequestError`."""
    given = args.get(name, "false").lower()
    if given not in _FLAGS:
        raise RequestError(f"{name}: must be true or false", param=name)
    return _FLAGS[given]


def read_limit(args: Mapping[str, str]) -> int:
    """Return how many objects a list may have. **Raises.** `RequestError`."""
    given = args.get("limit")
    if given is None:
        return USUAL
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= MOST):
        raise RequestError(f"limit: must be a whole number from 1 to {MOST}", param="limit")
    return int(given)


def read_with(args: Mapping[str, str], name: str, read: Callable[[str], _Value]) -> _Value | None:
    """Return a parameter as `read` understands it; None if it is missing.

    **Raises.** `RequestError` with the words of the `ValueError` of `read`.
    """
    given = read_text(args, name)
    if given is None:
        return None
    try:
        return read(given)
    except ValueError as error:
        raise RequestError(f"{name}: {error}", param=name) from error
