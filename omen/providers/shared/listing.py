"""Reads the ids out of a list of models."""

from __future__ import annotations

from typing import Any

from omen.core.frames import Frame
from omen.providers.shared.json import frame_object


def read_ids(body: bytes, *, listed: str, name: str) -> tuple[str, ...]:
    """Return the ids that a list names; what is no id is left out.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) when the body is no JSON object.
    """
    named = (item.get(name) for item in _objects(frame_object(Frame(body)).get(listed)))
    return tuple(model for model in named if isinstance(model, str) and model)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
