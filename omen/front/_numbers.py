"""Numbers that JSON cannot say: NaN, the infinities, and what is too large for a float.

pydantic refuses them where it knows a field. In what only travels through (a tool's parameters,
unknown fields) they would reach an upstream as bytes that are not JSON.
"""

from __future__ import annotations

import math
import re
from typing import Any

from pydantic_core import from_json

from omen.errors import RequestError
from omen.front._validation import body_path

_SUSPICIOUS = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}|\d{300}")
"""What such a number looks like; most bodies have nothing like it and are not walked."""


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
