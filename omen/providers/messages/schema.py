"""Schemas as Anthropic takes them: for a tool's input, for strict tools, and for an answer.

Clients write schemas for OpenAI. Three things are different here:

- A tool's schema must be of the type `object`, and must not combine others at its top.
- Where the answer is held to a schema, its objects must be closed. Most clients leave
  `additionalProperties` out, which means that anything may be in an object besides the properties.
  An answer that has only the properties is an answer to that schema, too, so objects are closed
  here. Objects without properties are not: a closed one would be empty. Nor where several schemas
  hold at once (`allOf`), for closed ones exclude each other; nor where only one may (`oneOf`), for
  closing changes which ones do.
- There, bounds are refused. They go into the description, where the model reads them, as the
  vendor's own SDK does it.

**Source.** docs.anthropic.com, structured outputs and tool use, and `transform_schema` of
anthropic-sdk-python, read 2026-11-30.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LISTS = ("anyOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")
_COMBINING = ("anyOf", "oneOf", "allOf")
_BOUNDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
    | {"contains", "minContains", "maxContains", "patternProperties", "propertyNames"}
)

Schema = dict[str, Any]


def input_schema(schema: Mapping[str, Any] | None) -> Schema:
    """Return a tool's schema as the API takes it, whichever it is; None is one without input."""
    written = dict(schema or {})
    branches = [b for name in _COMBINING for b in written.get(name) or () if isinstance(b, Mapping)]
    if branches:
        written = _merged(written, branches)
    if written.get("type") == "object":
        return written
    nothing: Schema = {} if "properties" in written or "$ref" in written else {"properties": {}}
    return {**written, "type": "object", **nothing}


def _merged(schema: Schema, branches: list[Mapping[str, Any]]) -> Schema:
    """Put the properties of all branches into one object; what all of them require is required."""
    properties = dict(schema.get("properties") or {})
    required = [set(branch.get("required") or ()) for branch in branches]
    for branch in branches:
        properties |= branch.get("properties") or {}
    needed = set.union(*required) if schema.get("allOf") else set.intersection(*required)
    needed |= set(schema.get("required") or ())
    rest = {name: value for name, value in schema.items() if name not in _COMBINING}
    return {**rest, "properties": properties, "required": sorted(needed & properties.keys())}


def strict_schema(schema: Mapping[str, Any]) -> Schema:
    """Return a schema that an answer can be held to: its objects closed, its bounds in words."""
    unbounded: Schema = _unbounded(schema)
    return closed(unbounded)


def _unbounded(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    bounds = {name: schema[name] for name in schema if name in _BOUNDS or _is_bound(schema, name)}
    written = {name: _each(name, value) for name, value in schema.items() if name not in bounds}
    if bounds:
        told = ", ".join(f"{name}: {json.dumps(value)}" for name, value in bounds.items())
        before = schema.get("description")
        written["description"] = f"{before}\n\n{{{told}}}" if before else f"{{{told}}}"
    return written


def _is_bound(schema: Mapping[str, Any], name: str) -> bool:
    """Whether a keyword is a bound by its value: of `minItems` only 0 and 1 are taken."""
    return name == "minItems" and schema[name] not in (0, 1)


def _each(name: str, value: Any) -> Any:
    if name in ("items", "additionalProperties"):
        return _unbounded(value)
    if name in (*_LISTS, "oneOf") and isinstance(value, list):
        return [_unbounded(one) for one in value]
    if name in _NAMED and isinstance(value, Mapping):
        return {key: _unbounded(one) for key, one in value.items()}
    return value


def closed(schema: Mapping[str, Any]) -> Schema:
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
