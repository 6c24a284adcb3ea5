"""What an upstream's error object says, whichever of the shapes in use it has.

{"error": {"message", "type", "param", "code", "status"}}       OpenAI, Azure, Anthropic
{"error": "text", "code": "…"}                                  xAI
{"error": "text"}                                               Ollama
{"object": "error", "message", "type", "code"}, {"detail": "…"}   servers that imitate OpenAI
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

_LONGEST_WORD = 100
"""xAI's codes were once whole sentences; longer than those is no code."""


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error in the upstream's own words. None means that it did not say.

    `status` is a number found inside the error, which is all there is of one in a stream.
    """

    message: str | None = None
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None
    request_id: str | None = None


def read_body(body: bytes) -> ErrorReport | None:
    """Read an error from the body of an answer; None when it holds none (HTML, say)."""
    try:
        value = from_json(body)
    except ValueError:
        return None
    return read_error(value)


def read_error(value: object) -> ErrorReport | None:
    """Read an error from a parsed object, None when it is not one."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    request_id = _text(value.get("request_id"))
    if isinstance(error, dict) and error:
        return _report(error, _text(error.get("message")), request_id)
    message = _text(error) or _text(value.get("message")) or _text(value.get("detail"))
    return _report(value, message, request_id) if message else None


def _report(fields: dict[str, Any], message: str | None, request_id: str | None) -> ErrorReport:
    code = fields.get("code")
    return ErrorReport(
        message=message,
        code=_word(code) or _word(_field(fields.get("details"), "error_code")),
        type=_word(fields.get("type")),
        param=_text(fields.get("param")),
        status=_status(code) or _status(fields.get("status")) or _status(fields.get("statusCode")),
        request_id=request_id,
    )


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _word(value: object) -> str | None:
    """Keep what a program could branch on; Azure's `"429"` only repeats the status."""
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        return None
    return value if re.search("[A-Za-z]", value) else None


def _status(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch("[1-5][0-9][0-9]", value):
        return int(value)
    return value if isinstance(value, int) and 100 <= value < 600 else None
