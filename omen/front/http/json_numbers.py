"""Numbers that JSON cannot say: NaN, the infinities, and what is too large for a float.

pydantic refuses them where it knows a field. In what only travels through (a tool's parameters,
unknown fields) they would reach an upstream as bytes that are not JSON.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import from_json

from omen.core.errors import RequestError
from omen.front.http.validation import body_path

_SUSPICIOUS = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}|\d{300}")
"""What such a number looks like; most bodies have nothing like it and are not walked."""


def _whole(value: Any) -> Any:
    """Take 2.0 for 2: to JSON they are the same number, and some languages write no other."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
From0 = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
From1 = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
UpTo20 = Annotated[int, Field(ge=0, le=20), BeforeValidator(_whole)]


def refuse_unsayable_numbers(body: bytes) -> None:
    """Look through a body that is valid JSON. **Raises.** `RequestError`, naming the place."""
    if _SUSPICIOUS.search(body):
        _walk(from_json(body), ())


def _walk(value: Any, path: tuple[int | str, ...]) -> None:
    match value:
        case float() if not math.isfinite(value):
            where = body_path(path)
            raise RequestError(f"{where}: input should be a finite number", param=where)
        case dict():
            for key, inner in value.items():
                _walk(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                _walk(inner, (*path, index))
