"""Whether the beginning of a JSON text can still become a value that a schema allows.

A value is read as far as it has arrived. What lies on its open end (the last member of the last
member …) may still grow, so only what no continuation can mend counts against it. Keywords that are
not looked at (`not`, `if`, `pattern`, `format` …) allow everything: a check that is in doubt lets
an answer pass.

The keywords are those of JSON Schema 2020-12; tests compare whole values with jsonschema-rs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

_MOST_STEPS, _DEEPEST = 500, 40
"""Pairs of a value and a schema, and their depth. Beyond these everything is allowed."""
_TRAILING = "trailing characters"
"""How pydantic's parser names what follows a complete value."""

_SCALAR_BEGUN = re.compile(r"tr?u?|fa?l?s?|nu?l?|-?\d*\.?\d*(?:(?<=\d)[eE][+-]?)?")
"""What is no value yet and may become one. Inside lists and objects the parser leaves it out."""


@dataclass(frozen=True, slots=True)
class Read:
    """A JSON text as far as it has arrived. `is_open`: it is not complete."""

    value: Any
    is_open: bool


def read_json(text: str, *, has_ended: bool) -> Read | None:
    """Read the beginning of a JSON text; None if nothing of its value has arrived yet.

    **Raises.** `ValueError` if no continuation makes it JSON, or none comes (`has_ended`).
    """
    if not text.strip():
        if has_ended:
            raise ValueError("it is empty")
        return None
    try:
        value = from_json(text)
        # More digits may follow a number that is all there is.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return Read(value, is_open=is_number and not has_ended)
    except ValueError as error:
        if has_ended or _TRAILING in str(error):
            raise
    try:
        return Read(from_json(text, allow_partial="trailing-strings"), is_open=True)
    except ValueError:
        if _SCALAR_BEGUN.fullmatch(text.strip()):
            return None
        raise


def may_fit(read: Read, schema: object) -> bool:
    """Return whether a value can still become one that a schema allows."""
    return _Fitting(schema).fits(read.value, schema, read.is_open)


class _Fitting:
    """One comparison, with the schema that references are looked up in."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._steps = 0
        self._depth = 0

    def fits(self, value: Any, schema: object, is_open: bool) -> bool:
        if not isinstance(schema, Mapping):
            return schema is not False
        if self._steps >= _MOST_STEPS or self._depth >= _DEEPEST:
            return True
        self._steps += 1
        self._depth += 1
        try:
            if "$ref" in schema:
                return self.fits(value, self._resolve(schema["$ref"]), is_open)
            return (
                _has_type(value, schema, is_open)
                and _is_among(value, schema, is_open)
                and self._fits_parts(value, schema, is_open)
                and self._fits_itself(value, schema, is_open)
            )
        finally:
            self._depth -= 1

    def _resolve(self, reference: object) -> object:
        """Return the schema that a reference into the same document names; True for any other."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return True
        found: object = self._root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                return True
            found = found[name]
        return found

    def _fits_parts(self, value: Any, schema: Mapping[str, Any], is_open: bool) -> bool:
        for name, quantifier in _COMBINED.items():
            parts = schema.get(name)
            if isinstance(parts, list) and not quantifier(
                [self.fits(value, part, is_open) for part in parts]
            ):
                return False
        return True

    def _fits_itself(self, value: Any, schema: Mapping[str, Any], is_open: bool) -> bool:
        match value:
            case dict():
                return self._fits_object(value, schema, is_open)
            case list():
                return self._fits_array(value, schema, is_open)
            case str():
                return _has_length(len(value), schema, "Length", is_open)
            case bool() | None:
                return True
        return is_open or _is_in_range(value, schema)

    def _fits_object(self, value: dict[str, Any], schema: Mapping[str, Any], is_open: bool) -> bool:
        named = schema.get("properties")
        properties = named if isinstance(named, Mapping) else {}
        others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        if not is_open and any(isinstance(name, str) and name not in value for name in names):
            return False
        last = next(reversed(value), None)
        return all(
            self.fits(member, properties.get(name, others), is_open and name == last)
            for name, member in value.items()
        )

    def _fits_array(self, value: list[Any], schema: Mapping[str, Any], is_open: bool) -> bool:
        if not _has_length(len(value), schema, "Items", is_open):
            return False
        first = schema.get("prefixItems")
        firsts = first if isinstance(first, list) else []
        rest = schema.get("items", True)
        return all(
            self.fits(
                item, firsts[at] if at < len(firsts) else rest, is_open and at == len(value) - 1
            )
            for at, item in enumerate(value)
        )


_COMBINED: Mapping[str, Callable[[list[bool]], bool]] = {"anyOf": any, "oneOf": any, "allOf": all}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _has_type(value: Any, schema: Mapping[str, Any], is_open: bool) -> bool:
    said = schema.get("type")
    if value is None and schema.get("nullable") is True:  # OpenAPI 3.0
        return True
    names = said if isinstance(said, list) else [said]
    return any(_is_type(value, name, is_open) for name in names)


def _is_type(value: Any, name: object, is_open: bool) -> bool:
    types = _TYPES.get(name) if isinstance(name, str) else None
    if types is None:
        return True
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return is_open or value.is_integer()
    return isinstance(value, types)


def _is_among(value: Any, schema: Mapping[str, Any], is_open: bool) -> bool:
    """Return whether `enum` and `const` allow a value, or what it may become."""
    allowed = schema.get("enum")
    values = allowed if isinstance(allowed, list) else None
    if "const" in schema:
        values = [schema["const"]]
    if values is None:
        return True
    if not is_open:
        return any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in values
        )
    if isinstance(value, str):
        return any(isinstance(one, str) and one.startswith(value) for one in values)
    return any(type(one) is type(value) for one in values) or isinstance(value, float)


def _has_length(length: int, schema: Mapping[str, Any], what: str, is_open: bool) -> bool:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if isinstance(most, int) and length > most:
        return False
    return is_open or not isinstance(least, int) or length >= least


def _is_in_range(value: float, schema: Mapping[str, Any]) -> bool:
    bounds: Mapping[str, Callable[[float], bool]] = {
        "minimum": lambda bound: value >= bound,
        "maximum": lambda bound: value <= bound,
        "exclusiveMinimum": lambda bound: value > bound,
        "exclusiveMaximum": lambda bound: value < bound,
    }
    return all(
        holds(schema[name])
        for name, holds in bounds.items()
        if isinstance(schema.get(name), int | float) and not isinstance(schema[name], bool)
    )
