"""Makes up a JSON value that fits a JSON schema, whatever is in the schema.

Good for the schemas that clients send with tools and with structured output: types, `enum`,
`const`, `$ref` into the same schema, `anyOf`, `oneOf`, `allOf`, bounds of lengths and numbers, and
the common formats. A `pattern` is not understood.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from omen.sim.dialect import ToolUse

_MOST_DEPTH = 8
_MOST_ITEMS = 64
_WORD = "simulated"
_PLAIN: Mapping[str, Any] = {"boolean": True, "null": None}
_FORMATS: Mapping[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_ANY_OBJECT: Mapping[str, Any] = {"properties": {"answer": {"type": "string"}}}


def json_text(schema: Any = _ANY_OBJECT) -> str:
    """Return an example of `schema` as JSON text; by default an object with a single field."""
    return json.dumps(_example(schema, schema, _MOST_DEPTH))


def tool_use(name: Any, schema: Any) -> ToolUse | None:
    """Make a call of the tool `name`, with arguments made up to fit its JSON schema."""
    if not isinstance(name, str):
        return None
    value = _example(schema, schema, _MOST_DEPTH)
    return ToolUse(name, json.dumps(value if isinstance(value, dict) else {}))


def _example(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth == 0:
        return _WORD
    schema = _resolved(schema, root, depth)
    if "const" in schema:
        return schema["const"]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = next(iter(kind), None)
    match kind:
        case "array":
            return _array(schema, root, depth)
        case "object":
            return _object(schema, root, depth)
        case "string":
            return _string(schema)
        case "integer" | "number":
            return _number(schema, kind)
    return _PLAIN.get(kind, _WORD) if isinstance(kind, str) else _WORD


def _resolved(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    """Put what `$ref`, `anyOf`, `oneOf` and `allOf` lead to in their place."""
    for _ in range(depth):
        target = schema.get("$ref")
        parts = [_pointed(root, target)] if isinstance(target, str) else []
        for key in ("anyOf", "oneOf"):
            parts += _dicts(schema.get(key))[:1]
        parts += _dicts(schema.get("allOf"))
        if not parts:
            break
        rest = {k: v for k, v in schema.items() if k not in ("$ref", "anyOf", "oneOf", "allOf")}
        schema = _merged([rest, *parts])
    return schema


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        properties = {**_dict(merged.get("properties")), **_dict(part.get("properties"))}
        merged |= part
        if properties:
            merged["properties"] = properties
    return merged


def _pointed(root: Any, pointer: str) -> dict[str, Any]:
    found = root
    for name in pointer.removeprefix("#").split("/")[1:]:
        unescaped = name.replace("~1", "/").replace("~0", "~")
        found = found.get(unescaped) if isinstance(found, dict) else None
    return _dict(found)


def _object(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    properties = _dict(schema.get("properties"))
    return {name: _example(inner, root, depth - 1) for name, inner in properties.items()}


def _array(schema: dict[str, Any], root: Any, depth: int) -> list[Any]:
    items = schema.get("items")
    wanted = _int(schema.get("minItems"), 1 if isinstance(items, dict) else 0)
    length = min(wanted, _int(schema.get("maxItems"), wanted), _MOST_ITEMS)
    return [_example(items, root, depth - 1) for _ in range(length)]


def _string(schema: dict[str, Any]) -> str:
    form = schema.get("format")
    text = _FORMATS.get(form, _WORD) if isinstance(form, str) else _WORD
    if text is not _WORD:
        return text
    shortest = min(_int(schema.get("minLength"), 0), 10_000)
    repeated = text * (-(-shortest // len(text)) or 1)
    wanted = max(shortest, len(text))
    return repeated[: min(wanted, _int(schema.get("maxLength"), wanted))]


def _number(schema: dict[str, Any], kind: str) -> float:
    """Take 1 or 1.5 if it is within the bounds, else what is between them or next to one."""
    whole = kind == "integer"
    low = _largest(schema, "minimum", "exclusiveMinimum")
    high = _largest(schema, "maximum", "exclusiveMaximum", sign=-1)
    value: float = 1 if whole else 1.5
    if low is not None and value <= low:
        inside = low + 1 if high is None else (low + high) / 2
        value = inside if not whole else _next_whole(schema, low)
    elif high is not None and value >= high:
        inside = high - 1 if low is None else (low + high) / 2
        value = inside if not whole else -_next_whole(schema, high, "exclusiveMaximum", sign=-1)
    step = _real(schema.get("multipleOf"))
    if step is not None and step > 0:
        value = math.ceil(value / step) * step
    return int(value) if whole else value


def _largest(schema: dict[str, Any], *names: str, sign: int = 1) -> float | None:
    bounds = (_real(schema.get(name)) for name in names)
    return max((b for b in bounds if b is not None), key=lambda bound: sign * bound, default=None)


def _next_whole(
    schema: dict[str, Any], bound: float, exclusive: str = "exclusiveMinimum", sign: int = 1
) -> int:
    """Return the first whole number at the bound or, if that is excluded, beyond it."""
    inner = math.ceil(sign * bound)
    return inner + 1 if schema.get(exclusive) == sign * inner else inner


def _real(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def _int(value: Any, default: int) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else default


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
