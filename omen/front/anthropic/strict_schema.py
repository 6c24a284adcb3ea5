"""Whether a schema is one that OpenAI takes as strict. Pure.

Anthropic's structured outputs take optional properties. OpenAI's strict mode refuses a schema that
has any, and the whole request with it; without strict mode the schema is followed all the same, if
not guaranteed.

**Source.** OpenAI's guide to structured outputs, "Supported schemas", read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SCHEMAS = ("items", "not", "if", "then", "else", "additionalProperties")


def is_strict(schema: Any) -> bool:
    """Return whether every object in a schema is closed and has all its properties required."""
    if not isinstance(schema, Mapping):
        return True
    return _is_closed(schema) and all(map(is_strict, _inner(schema)))


def _is_closed(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
    properties = schema.get("properties")
    if not is_object and properties is None:
        return True
    names = set(properties) if isinstance(properties, Mapping) else set()
    required = schema.get("required")
    has_all = names <= set(required) if isinstance(required, list) else not names
    return has_all and schema.get("additionalProperties") is False


def _inner(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name in _MAPS:
        if isinstance(schema.get(name), Mapping):
            yield from schema[name].values()
    for name in _LISTS:
        if isinstance(schema.get(name), list):
            yield from schema[name]
    yield from (schema.get(name) for name in _SCHEMAS)
