"""Reads a JSON body by the schema of its route. Pure.

JSON has no NaN and no infinities, and a number may be too large for a float. pydantic refuses these
in fields that it knows. In parts that only pass through (a tool's parameters, unknown fields) they
would reach an upstream as bytes that are not JSON, so every body is searched for them.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import from_json

from omen.core.errors import RequestError
from omen.front.http.validation import body_path, describe

_In = TypeVar("_In", bound=BaseModel)
_SUSPICIOUS = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}|\d{300}")
"""What such a number looks like. Most bodies have nothing like it and are not walked."""


def _whole(value: Any) -> Any:
    """Return 2 for 2.0: to JSON they are the same number, and some languages write no other."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
From0 = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
From1 = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
UpTo20 = Annotated[int, Field(ge=0, le=20), BeforeValidator(_whole)]


def read_body(schema: type[_In], body: bytes) -> _In:
    """Return a body as its schema. **Raises.** `RequestError` (400), naming the field."""
    try:
        parsed = schema.model_validate_json(body)
    except ValidationError as error:
        raise describe(error) from None
    if _SUSPICIOUS.search(body):
        _refuse_non_finite(from_json(body), ())
    return parsed


def _refuse_non_finite(value: Any, path: tuple[int | str, ...]) -> None:
    match value:
        case float() if not math.isfinite(value):
            where = body_path(path)
            raise RequestError(f"{where}: input should be a finite number", param=where)
        case dict():
            for key, inner in value.items():
                _refuse_non_finite(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                _refuse_non_finite(inner, (*path, index))
