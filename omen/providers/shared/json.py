"""JSON as the wire formats need it: compact text out, one object per frame in."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame


def compact(value: object) -> str:
    """Write JSON without spaces, in the order the keys have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: object) -> bytes:
    """Write JSON as a request body.

    A lone surrogate, which a client can send as an escape, leaves as the same escape: what
    `backslashreplace` makes of one is exactly its JSON spelling.
    """
    return compact(value).encode("utf-8", "backslashreplace")


def frame_object(frame: Frame) -> dict[str, Any]:
    """Read the one JSON object a frame holds.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) for anything else.
    """
    try:
        value = from_json(frame.data)
    except ValueError as error:
        raise not_the_wire_format("a frame is not JSON") from error
    if not isinstance(value, dict):
        raise not_the_wire_format("a frame is not a JSON object")
    return value


def text_of(value: object) -> str:
    """Take a text out of parsed JSON; null and what is no text count as an empty one."""
    return value if isinstance(value, str) else ""


def not_the_wire_format(what: str) -> UpstreamFailure:
    """Make the failure for bytes that another server than the one expected must have sent."""
    return UpstreamFailure(FailureKind.PROTOCOL, f"the upstream broke its own wire format: {what}")
