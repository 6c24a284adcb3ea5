"""What a value must be beside its kind: not too large, without control characters, a host.

Each has a sentence of its own, because "a string that is not empty" does not help whoever has
pasted a line end into one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import PydanticCustomError

from omen.config._paths import locate

NOT_ALLOWED = "not_allowed"
"""The type of every error made here and in `_values`; its `ctx` has `allowed` and `words` (to
suggest from)."""


def nearer(error: ValidationError) -> PydanticCustomError | None:
    """Return what one of `check`'s has to say about a value that is right but for that."""
    (item,) = error.errors(include_url=False)
    return (
        PydanticCustomError(NOT_ALLOWED, "", item["ctx"]) if item["type"] == NOT_ALLOWED else None
    )


def check(holds: Callable[[Any], bool], sentence: str) -> AfterValidator:
    """Demand more of a value than its kind: `sentence` says what, when `holds` does not."""

    def validate(value: Any) -> Any:
        try:
            held = holds(value)
        except ValueError:
            held = False
        if not held:
            raise PydanticCustomError(NOT_ALLOWED, "", {"allowed": sentence, "words": ()})
        return value

    return AfterValidator(validate)


_LATEST = 100 * 365 * 24 * 3600.0
"""A hundred years. Clocks, sockets and databases cannot count to any number of seconds."""
MOST = 2**31 - 1
_DEAREST = 10**12

is_soon = check(lambda seconds: seconds <= _LATEST, "at most a hundred years")
is_soon_ms = check(lambda ms: ms <= _LATEST * 1000, "at most a hundred years")
is_countable = check(lambda count: count < 2**63, f"at most {2**63 - 1}")
is_payable = check(lambda usd: usd <= _DEAREST, "at most a million million US dollars")
is_plain = check(
    lambda text: re.search(r"[\x00-\x1f\x7f]", text) is None, "a string without control characters"
)
is_host = check(lambda text: bool(text.encode("idna")), "an address, or the name of a host")
is_path = check(
    lambda text: bool(locate(Path(), text)), "a path; ~ in front is a home folder that is there"
)
