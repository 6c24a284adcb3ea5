"""The frames of a gateway's websocket, as far as this client reads them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

_BODIES = {"chunk": "chunk", "event": "event", "error": "error"}
"""The key of each frame type's content. The content is an object."""


def read_frame(message: str | bytes) -> Mapping[str, Any] | None:
    """Return a frame; None if the message is not a frame. An unknown type of a newer gateway is."""
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
