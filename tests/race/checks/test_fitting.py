"""The beginning of a JSON text under a schema: no beginning of a good answer is refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.race.checks._fitting import may_fit, read_json

_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.floats(-9, 9, width=32), st.text(max_size=6)
)
VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def schemas_of(draw: Any, value: Any) -> Any:
    """A schema that allows a value."""
    form = draw(st.sampled_from(["any", "enum", "plain", "plain", "plain", "anyOf", "$ref"]))
    if form == "any":
        return draw(st.sampled_from([True, {}, {"title": "x"}]))
    if form == "enum":
        return {"enum": draw(st.permutations([value, "another", 7]))}
    plain = draw(_plain_schemas(value))
    if form == "anyOf":
        return {"anyOf": draw(st.permutations([plain, {"type": "string", "maxLength": 0}]))}
    return plain


@st.composite
def _plain_schemas(draw: Any, value: Any) -> Any:
    match value:
        case None:
            return {"type": draw(st.sampled_from(["null", ["string", "null"]]))}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": draw(st.sampled_from(["integer", "number"])), "minimum": value - 1}
        case float():
            return {"type": "number", "maximum": value, "exclusiveMinimum": value - 1}
        case str():
            return {"type": "string", "maxLength": len(value), "minLength": len(value)}
        case list():
            items = [draw(schemas_of(item)) for item in value]
            most = draw(st.integers(len(value), 9))
            first = {"prefixItems": items} if items else {}
            return {"type": "array", **first, "maxItems": most, "items": False}
    properties = {name: draw(schemas_of(member)) for name, member in value.items()}
    required = draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": draw(st.booleans()),
    }


CASES = VALUES.flatmap(lambda value: st.tuples(st.just(value), schemas_of(value)))


def fits(text: str, schema: Any, *, has_ended: bool = False) -> bool:
    try:
        read = read_json(text, has_ended=has_ended)
    except ValueError:
        return False
    return read is None or may_fit(read, schema)


@given(CASES, st.sampled_from([None, 2]), st.booleans())
def test_no_beginning_of_a_good_answer_is_refused(
    case: tuple[Any, Any], indent: int | None, ascii_only: bool
) -> None:
    value, schema = case
    text = " \n" + json.dumps(value, indent=indent, ensure_ascii=ascii_only) + "\n"
    for length in range(len(text)):
        assert fits(text[:length], schema), text[:length]
    assert fits(text, schema, has_ended=True)


@given(CASES, VALUES)
def test_a_whole_answer_that_is_refused_is_one_that_the_schema_refuses(
    case: tuple[Any, Any], other: Any
) -> None:
    _, schema = case
    if jsonschema_rs.is_valid(schema, other):
        assert fits(json.dumps(other), schema, has_ended=True)


PERSON = {
    "$defs": {"name": {"type": "string", "maxLength": 20}},
    "type": "object",
    "properties": {
        "name": {"$ref": "#/$defs/name"},
        "age": {"type": "integer", "minimum": 0},
        "mood": {"enum": ["happy", "sad"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
NO_LONGER_GOOD = {
    "prose": "Here is the JSON",
    "a fence": "```json\n{",
    "a list for an object": "[",
    "a text for an object": '"Ann',
    "a number for a name": '{"name": 1',
    "a name that is too long": '{"name": "' + "x" * 21,
    "a fraction of a year": '{"age": 1.5, "name": "A',
    "less than no years": '{"age": -1, "name": "A',
    "a mood that there is not": '{"mood": "hungry',
    "a property that there is not": '{"height": 1',
    "a list of numbers": '{"tags": [1',
    "three tags": '{"tags": ["a", "b", "c"',
    "an object too soon closed": '{"name": "Ann"}',
    "something after it": '{"name": "Ann", "age": 3} Done',
    "two of them": '{"name": "Ann", "age": 3}{"name"',
    "a comma too many": '{"name": "Ann",,',
    "single quotes": "{'name'",
    "Python's words": '{"name": None',
}


@pytest.mark.parametrize("text", NO_LONGER_GOOD.values(), ids=NO_LONGER_GOOD.keys())
def test_what_no_continuation_can_mend_is_refused(text: str) -> None:
    assert not fits(text, PERSON)


@pytest.mark.parametrize("text", ["", "  ", "{", '{"na', '{"name": "Ann", "age": 3'])
def test_a_beginning_that_is_not_continued_is_refused(text: str) -> None:
    assert fits(text, PERSON)
    assert not fits(text, PERSON, has_ended=True)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"items": {"$ref": "#"}},
        {"type": 7, "enum": {}, "required": [1, {}], "properties": [], "anyOf": "x"},
        {"$ref": "https://elsewhere.example/schema"},
        {"$ref": "#/$defs/nowhere"},
        "no schema at all",
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("text", ["[[[[[[1", '{"a": {"a": 1}}', "[" * 150])
def test_a_schema_without_end_or_sense_refuses_nothing(schema: Any, text: str) -> None:
    assert fits(text, schema)
