"""The syntax of a `Host` field, of `:authority`, and of the part after `//` in a target. Pure.

RFC 3986 allows a comma, a semicolon and the like in a name. No real host name has them, and a proxy
joins two `Host` fields to a list with commas. So they are refused.

**Source.** RFC 3986 section 3.2, RFC 9110 sections 4.2.4 (no user information) and 7.2 (`Host`),
read 2026-11-30.
"""

from __future__ import annotations

import re

_REG_NAME = rb"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*"
_IP_LITERAL = rb"\[[0-9A-Fa-f:.]+\]"
_AUTHORITY = re.compile(rb"(?P<host>%b|%b)(?::[0-9]{0,5})?" % (_IP_LITERAL, _REG_NAME))


def is_authority(value: bytes) -> bool:
    """Return whether this is a host, perhaps with a port. An empty host is one."""
    return _AUTHORITY.fullmatch(value) is not None


def names_a_host(value: bytes) -> bool:
    """Return whether this is a host, perhaps with a port, and the host is not empty."""
    match = _AUTHORITY.fullmatch(value)
    return match is not None and bool(match["host"])
