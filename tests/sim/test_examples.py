"""Values made up for schemas: they fit."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.sim.examples import json_text, tool_use


def fits(value: Any, schema: Any, root: Any) -> bool:
    """A small validator of its own, for the schemas that are tried here."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return any(fits(value, inner, root) for inner in schema["anyOf"])
    if "allOf" in schema and not all(fits(value, inner, root) for inner in schema["allOf"]):
        return False
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return set(value) >= set(schema.get("required", ())) and all(
                fits(value[name], inner, root)
                for name, inner in properties.items()
                if name in value
            )
        case "array":
            low, high = schema.get("minItems", 0), schema.get("maxItems", 99)
            return low <= len(value) <= high and all(fits(i, schema["items"], root) for i in value)
        case "string":
            return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10_000)
        case "integer" | "number" as kind:
            return _within(value, schema) and (kind == "number" or isinstance(value, int))
        case "boolean":
            return isinstance(value, bool)
    return value is None


def _within(value: float, schema: dict[str, Any]) -> bool:
    return (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or schema["exclusiveMinimum"] < value)
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    """Schemas of numbers between whose bounds there is room."""
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["integer", "number"]))}
    low = draw(st.integers(-1000, 1000))
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + draw(
            st.integers(2, 50)
        )
    return schema


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.integers(0, 40))
    return {"type": "string", "minLength": low, "maxLength": low + draw(st.integers(0, 40))}


scalars = st.one_of(
    numbers(),
    strings(),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(lambda value: {"const": value}, st.text()),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers(), min_size=1)),
)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


schemas = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(_object, st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        st.builds(
            lambda items, low: {"type": "array", "items": items, "minItems": low},
            inner,
            st.integers(0, 3),
        ),
        st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=2)),
        st.just({"$ref": "#/$defs/named"}),
    ),
    max_leaves=6,
)


@given(schemas, scalars)
def test_an_example_fits_its_schema(schema: dict[str, Any], named: dict[str, Any]) -> None:
    root = {**schema, "$defs": {"named": named}}
    assert fits(json.loads(json_text(root)), schema, root)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "array", "items": {"type": "string"}}, '["simulated"]'),
        ({"type": "array", "items": {}, "maxItems": 0}, "[]"),
        ({"type": "integer", "multipleOf": 5}, "5"),
        ({"type": "integer", "minimum": 5}, "5"),
        ({"type": "integer", "exclusiveMinimum": 5}, "6"),
        ({"type": "integer", "maximum": -5}, "-5"),
        ({"type": "integer", "exclusiveMaximum": -5}, "-6"),
        ({"type": "number", "exclusiveMinimum": 2, "exclusiveMaximum": 2.5}, "2.25"),
        ({"type": "string", "format": "date"}, '"2026-01-01"'),
        ({"type": "string", "format": "unheard-of"}, '"simulated"'),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "null"}}},
                    {"properties": {"b": {"type": "boolean"}}},
                ]
            },
            '{"a": null, "b": true}',
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "1"),
    ],
)
def test_particular_schemas(schema: dict[str, Any], text: str) -> None:
    assert json_text(schema) == text


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    tree = {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            }
        },
        "$ref": "#/$defs/node",
    }
    assert len(re.findall("next", json_text(tree))) < 20
    assert json_text({"$ref": "#"}) == "{}"


def test_arguments_are_an_object_whatever_the_schema_says() -> None:
    made = tool_use("lookup", {"type": "string"})
    assert made is not None
    assert made.arguments == "{}"
    assert tool_use(None, {}) is None
