"""What a gateway says over the websocket, as far as this client reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

_BODIES = {"chunk": "chunk", "event": "event", "error": "error"}
"""What a frame of each type carries under which key; each is an object."""


def read_frame(message: str | bytes) -> Mapping[str, Any] | None:
    """Read a frame; None when it is none. A type that a newer gateway has is one."""
    try:
        frame = from_json(message)
    except ValueError:
        return None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        return None
    if not isinstance(frame.get("id"), str | None):
        return None
    key = _BODIES.get(frame["type"])
    return frame if key is None or isinstance(frame.get(key), dict) else None
