"""Checks of a value beyond its type: not too large, no control characters, a host name.

Each check has its own sentence. For a string with a pasted line end, the sentence of the type ("a
string that is not empty") would not help the operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import PydanticCustomError

from omen.config._paths import locate

NOT_ALLOWED = "not_allowed"
"""The type of every error from this module and from `_values`. Its `ctx` has `allowed` (the
sentence) and `words` (the candidates for a suggestion)."""


def specific_error(error: ValidationError) -> PydanticCustomError | None:
    """Return the error of a `check`, if a value of the right type failed in one; else None."""
    (item,) = error.errors(include_url=False)
    return (
        PydanticCustomError(NOT_ALLOWED, "", item["ctx"]) if item["type"] == NOT_ALLOWED else None
    )


def check(holds: Callable[[Any], bool], sentence: str) -> AfterValidator:
    """Return a validator that reports `sentence` if `holds` is false or raises `ValueError`."""

    def validate(value: Any) -> Any:
        try:
            valid = holds(value)
        except ValueError:
            valid = False
        if not valid:
            raise PydanticCustomError(NOT_ALLOWED, "", {"allowed": sentence, "words": ()})
        return value

    return AfterValidator(validate)


_LATEST = 100 * 365 * 24 * 3600.0
"""A hundred years in seconds. Clocks, sockets and databases have limits of their own."""
MOST = 2**31 - 1
_DEAREST = 10**12

LEAST_KEY, MOST_KEY = 16, 4096
"""The least number of characters of a key that an operator chooses: it must not be guessed."""


def _is_host_name(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?", text) is not None


_OWN_PORTS = {"http": ":80", "https": ":443"}


def _is_origin(text: str) -> bool:
    scheme, _, host = text.partition("://")
    is_plain = re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) is not None
    is_host = re.fullmatch(r"[a-z0-9._-]+(:\d{1,5})?|\[[0-9a-f:.]+\](:\d{1,5})?", host) is not None
    return is_plain and is_host and not host.endswith(_OWN_PORTS.get(scheme, "/"))


is_soon = check(lambda seconds: seconds <= _LATEST, "at most a hundred years")
is_soon_ms = check(lambda ms: ms <= _LATEST * 1000, "at most a hundred years")
is_countable = check(lambda count: count < 2**63, f"at most {2**63 - 1}")
is_payable = check(lambda usd: usd <= _DEAREST, "at most a million million US dollars")
is_plain = check(
    lambda text: re.search(r"[\x00-\x1f\x7f]", text) is None, "a string without control characters"
)
is_host = check(lambda text: bool(text.encode("idna")), "an address, or the name of a host")
is_host_name = check(
    lambda text: text == "*" or _is_host_name(text),
    'the name or the address of a host, without scheme, port or path; or "*"',
)
is_origin = check(
    lambda text: text == "*" or _is_origin(text),
    "an origin as browsers write it: scheme, host and port (unless it is the scheme's own) in "
    'small letters, without a path; or "*"',
)
is_network = check(
    lambda text: bool(ip_network(text, strict=False)),
    "an IP address, or a range such as 10.0.0.0/8",
)
is_path = check(
    lambda text: bool(locate(Path(), text)), "a path; ~ in front must be an existing home folder"
)
