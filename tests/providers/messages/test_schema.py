"""A schema for Anthropic has its objects closed, and is otherwise what the client wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.chat import ResponseFormat
from omen.providers.messages.schema import closed
from tests.providers.asking import HELLO, body

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SHUT = {**CITY, "additionalProperties": False}


def test_an_answer_is_held_to_what_the_vendor_takes() -> None:
    wanted = ResponseFormat("json_schema", schema=CITY)
    written = body("anthropic", replace(HELLO, response_format=wanted), "claude-sonnet-4-6")
    assert written["output_config"]["format"] == {"type": "json_schema", "schema": SHUT}


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        (CITY, SHUT),
        (SHUT, SHUT),
        ({**CITY, "additionalProperties": True}, SHUT),
        ({**CITY, "type": ["object", "null"]}, {**SHUT, "type": ["object", "null"]}),
        ({"type": "array", "items": CITY}, {"type": "array", "items": SHUT}),
        ({"anyOf": [CITY, {"type": "null"}]}, {"anyOf": [SHUT, {"type": "null"}]}),
        (
            {"$ref": "#/$defs/City", "$defs": {"City": CITY}},
            {"$ref": "#/$defs/City", "$defs": {"City": SHUT}},
        ),
        # A property may have a keyword's name.
        (
            {"type": "object", "properties": {"properties": CITY}},
            {"type": "object", "properties": {"properties": SHUT}, "additionalProperties": False},
        ),
        ({"type": "object"}, {"type": "object"}),
        ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
        # Closed ones would exclude each other, or change which one holds; wherever they stand.
        ({"allOf": [CITY, CITY]}, {"allOf": [CITY, CITY]}),
        ({"allOf": [CITY, CITY], "items": CITY}, {"allOf": [CITY, CITY], "items": CITY}),
        (
            {"oneOf": [{"$ref": "#/$defs/City"}], "$defs": {"City": CITY}},
            {"oneOf": [{"$ref": "#/$defs/City"}], "$defs": {"City": CITY}},
        ),
        ({"allOf": [CITY]}, {"allOf": [SHUT]}),
        ({"enum": [CITY], "default": CITY}, {"enum": [CITY], "default": CITY}),
        ({"items": True, "properties": None}, {"items": True, "properties": None}),
    ],
)
def test_objects_are_closed(schema: dict[str, Any], written: dict[str, Any]) -> None:
    before = repr(schema)
    assert closed(schema) == written
    assert repr(schema) == before


WORDS = ("anyOf", "oneOf", "allOf")


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    named = st.dictionaries(st.sampled_from("abc"), inner)
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda p: {"type": "object", "properties": p}, named),
        st.builds(lambda i: {"type": "array", "items": i}, inner),
        *(st.builds(lambda some, word=word: {word: some}, several) for word in WORDS),
    )


SCHEMAS = st.recursive(st.sampled_from([{"type": "string"}, {"type": "integer"}]), _objects)
ANSWERS = st.recursive(
    st.one_of(st.text(max_size=2), st.integers()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner)
    ),
)


@given(schema=SCHEMAS, answer=ANSWERS)
def test_what_fits_the_closed_schema_fits_the_clients(schema: dict[str, Any], answer: Any) -> None:
    if jsonschema_rs.is_valid(closed(schema), answer):
        assert jsonschema_rs.is_valid(schema, answer)
