"""Reads a request's body by the model of its door, once for all of them. Pure."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from omen.front.http.json_numbers import refuse_unsayable_numbers
from omen.front.http.validation import describe

_In = TypeVar("_In", bound=BaseModel)


def read_body(schema: type[_In], body: bytes) -> _In:
    """Read a body. **Raises.** `RequestError` (400), naming the field."""
    try:
        said = schema.model_validate_json(body)
    except ValidationError as error:
        raise describe(error) from None
    refuse_unsayable_numbers(body)
    return said
