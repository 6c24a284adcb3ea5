"""Counts of tokens out of parsed JSON, in the forms in which servers write them."""

from __future__ import annotations

from math import isfinite

_MOST = 2**63
"""No counter counts further. Beyond it a number says nothing, not even that it is large."""


def count_of(value: object) -> int | None:
    """Read a count; None for what is no whole number.

    Some servers write `9.0`. A count may still be untrue (negative, or more than a model can
    read): whoever books it judges that (`omen.core.usage_checks`).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and isfinite(value) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        return None
    return max(-_MOST, min(_MOST, value))


def counts_of(details: object) -> dict[str, int]:
    """Read an object of counts; what is no count is left out of it."""
    if not isinstance(details, dict):
        return {}
    read = ((str(name), count_of(value)) for name, value in details.items())
    return {name: count for name, count in read if count is not None}
