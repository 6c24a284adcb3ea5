"""JSON as the wire formats need it: compact text out, one object per frame in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from typing import Any

from pydantic_core import from_json

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame
from omen.core.json_reading import BOUNDS, JsonBounds, TooManyValuesError, read_json
from omen.core.json_writing import json_bytes as json_bytes


def compact(value: object) -> str:
    """Write JSON without spaces, in the order the keys have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_LONE_HALF = re.compile("[\ud800-\udfff]")
_CUT_TEXTS = frozenset(
    {"content", "text", "reasoning", "reasoning_content", "thinking", "refusal", "summary"}
    | {"delta", "arguments", "input", "partial_json"}
)
"""Names of texts that a stream cuts in pieces."""


def without(body: Mapping[str, Any], names: Set[str]) -> Mapping[str, Any]:
    """Return a body without the fields of these names."""
    return {k: v for k, v in body.items() if k not in names} if names else body


def parse_json(data: bytes, bounds: JsonBounds = BOUNDS) -> Any:
    """Return the value of JSON text, also where it has lone halves of surrogate pairs.

    A half at an end of a text that a stream cuts in pieces is left as it is: its other half may be
    in the next piece. Any other half becomes U+FFFD.

    **Raises.** `TooManyValuesError`; `ValueError`.
    """
    return read_json(data, bounds, load=_load)


def _load(data: bytes) -> Any:
    try:
        return from_json(data)
    except ValueError:
        # Python's own reader is ten times slower, and takes lone halves.
        if b"\\ud" not in data and b"\\uD" not in data:
            raise
    try:
        return _repaired(json.loads(data), "")
    except RecursionError as error:
        raise ValueError("too deeply nested") from error


def _repaired(value: Any, name: str) -> Any:
    if isinstance(value, str):
        if name not in _CUT_TEXTS:
            return _LONE_HALF.sub("\ufffd", value)
        return value[:1] + _LONE_HALF.sub("\ufffd", value[1:-1]) + value[1:][-1:]
    if isinstance(value, list):
        return [_repaired(item, name) for item in value]
    if isinstance(value, dict):
        return {_repaired(key, ""): _repaired(item, key) for key, item in value.items()}
    return value


def frame_object(frame: Frame, bounds: JsonBounds = BOUNDS) -> dict[str, Any]:
    """Read the one JSON object a frame holds.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) for anything else.
    """
    try:
        value = parse_json(frame.data, bounds)
    except TooManyValuesError as error:
        raise not_the_wire_format(str(error)) from error
    except ValueError as error:
        raise not_the_wire_format("a frame is not JSON") from error
    if not isinstance(value, dict):
        raise not_the_wire_format("a frame is not a JSON object")
    return value


def text_of(value: object) -> str:
    """Take a text out of parsed JSON; null and what is no text count as an empty one."""
    return value if isinstance(value, str) else ""


def too_many(most: int, what: str) -> UpstreamFailure:
    """Return the failure of an answer that has more of something than is read."""
    return UpstreamFailure(FailureKind.PROTOCOL, f"the answer has more than {most} {what}")


def not_the_wire_format(what: str) -> UpstreamFailure:
    """Make the failure for bytes that another server than the one expected must have sent."""
    return UpstreamFailure(FailureKind.PROTOCOL, f"the upstream broke its own wire format: {what}")
