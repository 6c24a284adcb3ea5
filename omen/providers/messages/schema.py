"""The schema that an answer is held to, as Anthropic takes one: its objects are closed.

Most clients leave `additionalProperties` out, which means that anything may be in an object beside
what is listed. An answer that has only what is listed is an answer to that schema, too, so objects
are closed here rather than the request refused there. Not those that list nothing: a closed one
would be empty. Nor where several schemas hold at once (`allOf`), for closed ones exclude each
other; nor where only one may (`oneOf`), for closing changes which ones do.

**Source.** docs.anthropic.com, structured outputs, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LISTS = ("anyOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Close the objects of a JSON schema; everything else stays as it was."""
    return dict(schema) if _combines(schema) else _closed(schema)


def _combines(schema: Any) -> bool:
    """Whether an object may have to fit more than one schema. Wherever: they may be referred to."""
    if isinstance(schema, list):
        return any(map(_combines, schema))
    if not isinstance(schema, Mapping):
        return False
    every = schema.get("allOf")
    several = isinstance(every, list) and len(every) > 1
    return several or "oneOf" in schema or any(map(_combines, schema.values()))


def _closed(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    written = {name: _inner(name, value) for name, value in schema.items()}
    if schema.get("properties") and _is_object(schema.get("type")):
        written["additionalProperties"] = False
    return written


def _inner(name: str, value: Any) -> Any:
    if name == "items":
        return _closed(value)
    if name in _LISTS and isinstance(value, list):
        return [_closed(one) for one in value]
    if name in _NAMED and isinstance(value, Mapping):
        return {key: _closed(one) for key, one in value.items()}
    return value


def _is_object(kind: Any) -> bool:
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
