"""The target of an HTTP/1.1 request: a path, and perhaps a host. Pure.

**Source.** RFC 9112 sections 3.2 (`Host`, and the four forms of a target) and 3.2.2 (the host of an
absolute target replaces the `Host` field), RFC 9110 section 4.2.1 (an empty host is invalid), read
2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from omen.serving._authority import is_authority, names_a_host

Headers = Sequence[tuple[bytes, bytes]]

_ABSOLUTE = re.compile(
    rb"(?i:https?)://(?P<authority>[^/?#]*)(?P<path>/?[^?#]*)(?P<query>\?[^#]*)?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """The path of a request, with its fields."""

    path: bytes
    """The path with its query; `*` in `OPTIONS *`."""
    headers: Headers
    """The request's fields. If the target is absolute, `Host` is the target's authority."""


def read_target(method: bytes, target: bytes, headers: Headers) -> Target | None:
    """Return the target of a request; None if the target or the `Host` field is malformed.

    `CONNECT` has its own form of target, and is not served.
    """
    if not all(is_authority(value) for name, value in headers if name == b"host"):
        return None
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return Target(target, headers)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not names_a_host(absolute["authority"]):
        return None
    rest = [(name, value) for name, value in headers if name != b"host"]
    path = (absolute["path"] or b"/") + (absolute["query"] or b"")
    return Target(path, [(b"host", absolute["authority"]), *rest])
