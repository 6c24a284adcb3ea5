"""Reads a JSON body by the schema of its route. Pure.

JSON has no NaN and no infinities, and a number may be too large for a float. pydantic refuses these
in fields that it knows. In parts that only pass through (a tool's parameters, unknown fields) they
would reach an upstream as bytes that are not JSON, so every body is searched for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import from_json

from omen.core.errors import RequestError
from omen.core.json_reading import SMALL, TooManyValuesError, read_json
from omen.front.http.validation import body_path, describe

_In = TypeVar("_In", bound=BaseModel)
_SHAPES = bytes.maketrans(b"023456789E", b"111111111e")
_LARGE_NUMBERS = (b"1e111", b"1e+111", b"1" * 200)
"""What a number that is too large looks like when every digit is a 1. Two hundred digits are finite
with an exponent of two digits. `translate` and `in` take 2 ns a byte; a pattern takes 7 to 80."""


_LONGEST_LIST = 60_000
"""Items of a list at the top of a large body. Token ids to embed may be more."""


def _whole(value: Any) -> Any:
    """Return 2 for 2.0: to JSON they are the same number, and some languages write no other."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
From0 = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
From1 = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
UpTo20 = Annotated[int, Field(ge=0, le=20), BeforeValidator(_whole)]


def read_body(schema: type[_In], body: bytes) -> _In:
    """Return a body as its schema. **Raises.** `RequestError` (400, 413), naming the field."""
    if len(body) > SMALL:
        return _validated(schema, _large_tree(body))
    try:
        parsed = schema.model_validate_json(body)
    except ValidationError as error:
        raise describe(error) from None
    if _is_suspicious(body):
        _refuse_non_finite(from_json(body))
    return parsed


def _is_suspicious(body: bytes) -> bool:
    """Return whether a body may have such a number. Most have none, and are not walked."""
    if b"NaN" in body or b"Infinity" in body:
        return True
    shape = body.translate(_SHAPES)
    return any(large in shape for large in _LARGE_NUMBERS)


def read_body_and_tree(schema: type[_In], body: bytes) -> tuple[_In, dict[str, Any]]:
    """Return a body as its schema, and as it is written. The texts of a large one are shared.

    **Raises.** `RequestError` (400, 413), naming the field.
    """
    if len(body) <= SMALL:
        return read_body(schema, body), from_json(body)
    tree = _large_tree(body)
    return _validated(schema, tree), tree


def _validated(schema: type[_In], tree: Any) -> _In:
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise describe(error) from None


def _large_tree(body: bytes) -> Any:
    """Return the value of a large body: within bounds, and without numbers that JSON lacks."""
    try:
        tree = read_json(body)
    except TooManyValuesError as error:
        message = f"the body: {error}"
        raise RequestError(message, status=413, code="request_too_large") from None
    except ValueError:
        raise RequestError("the body: invalid JSON") from None
    _refuse_long_lists(tree)
    _refuse_non_finite(tree)
    return tree


def _refuse_long_lists(tree: Any) -> None:
    """Refuse lists whose items would each be a mistake to report, before they are validated."""
    for name, value in tree.items() if isinstance(tree, dict) else ():
        is_list = isinstance(value, list) and len(value) > _LONGEST_LIST
        if is_list and not (name == "input" and isinstance(value[0], int)):
            raise RequestError(
                f"{name[:80]}: at most {_LONGEST_LIST} items, got {len(value)}",
                param=name[:80],
                code="array_above_max_length",
            )


def _refuse_non_finite(tree: Any) -> None:
    """Search a value without recursion: it may have hundreds of thousands of numbers."""
    waiting: list[tuple[Any, tuple[int | str, ...]]] = [(tree, ())]
    while waiting:
        value, path = waiting.pop()
        for key, inner in _items(value):
            kind = type(inner)
            if kind is dict or kind is list:
                waiting.append((inner, (*path, key)))
            elif kind is float and not math.isfinite(inner):
                where = body_path((*path, key))
                raise RequestError(f"{where}: input should be a finite number", param=where)


def _items(value: Any) -> Iterable[tuple[int | str, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
