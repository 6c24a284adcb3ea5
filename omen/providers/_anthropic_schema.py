"""The schema that an answer is held to, as Anthropic takes one: its objects are closed.

Most clients leave `additionalProperties` out, which means that anything may be in an object beside
what is listed. An answer that has only what is listed is an answer to that schema, too, so objects
are closed here rather than the request refused there. Not those that list nothing, for a closed one
would be empty; nor within `allOf`, where two closed objects exclude each other.

**Source.** docs.anthropic.com, structured outputs, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ONE = ("items", "additionalProperties")
_LISTS = ("anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Close the objects of a JSON schema; everything else stays as it was."""
    written = {name: _inner(name, value) for name, value in schema.items()}
    if schema.get("properties") and _is_object(schema.get("type")):
        written["additionalProperties"] = False
    return written


def _inner(name: str, value: Any) -> Any:
    if name in _ONE:
        return _closed(value)
    if name in _LISTS and isinstance(value, list):
        return [_closed(one) for one in value]
    if name in _NAMED and isinstance(value, Mapping):
        return {key: _closed(one) for key, one in value.items()}
    return value


def _closed(value: Any) -> Any:
    return closed(value) if isinstance(value, Mapping) else value


def _is_object(kind: Any) -> bool:
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
