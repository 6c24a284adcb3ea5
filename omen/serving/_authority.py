"""What may stand in a `Host` field, in `:authority`, or behind the `//` of a target. Pure.

RFC 3986 lets a name have a comma, a semicolon and the like. No name of a host has, and a list of
hosts is what two of them become on their way.

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
