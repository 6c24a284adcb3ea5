"""The target of an HTTP/1.1 request: a path, and perhaps a host. Pure.

**Source.** RFC 9112 sections 3.2 (`Host`, and the four forms of a target) and 3.2.2 (the host of an
absolute target replaces the `Host` field), RFC 9110 sections 4.2.1 (an empty host is invalid), 9.1
(methods are case-sensitive) and 9.3.6 (`CONNECT`), read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from omen.serving._authority import is_authority, names_a_host
from omen.serving._h1_head import Field, FramingError, Head

_ABSOLUTE = re.compile(
    rb"(?i:https?)://(?P<authority>[^/?#]*)(?P<path>/?[^?#]*)(?P<query>\?[^#]*)?"
)


@dataclass(slots=True)
class Target:
    """The path of a request, with its fields."""

    path: bytes
    """The path with its query; `*` in `OPTIONS *`."""
    headers: Sequence[Field]
    """The request's fields. If the target is absolute, `Host` is the target's authority."""


def read_target(head: Head) -> Target:
    """Return the target of a request.

    **Raises.** `FramingError`: 501 for a method that is not served, 400 if the target or the `Host`
    field is malformed.
    """
    if head.method == b"CONNECT" or not head.method.isupper():
        raise FramingError(501)  # no known method has small letters
    if head.host is not None and not is_authority(head.host):
        raise FramingError
    target = head.target
    if target.startswith(b"/") or (target == b"*" and head.method == b"OPTIONS"):
        return Target(target, head.headers)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not names_a_host(absolute["authority"]):
        raise FramingError
    rest = [(name, value) for name, value in head.headers if name != b"host"]
    path = (absolute["path"] or b"/") + (absolute["query"] or b"")
    return Target(path, [(b"host", absolute["authority"]), *rest])
