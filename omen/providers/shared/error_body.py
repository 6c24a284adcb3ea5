"""What an upstream's error object says, whichever of the shapes in use it has.

{"error": {"message", "type", "param", "code", "status"}}       OpenAI, Azure, Anthropic
{"error": "text", "code": "…"}                                  xAI
{"error": "text"}                                               Ollama
{"object": "error", "message", "type", "code"}, {"detail": "…"}   servers that imitate OpenAI
{"detail": [{"loc", "msg"}]}, the same inside "message"           FastAPI (vLLM, TGI), Mistral
{"error": {"details": [{"retryDelay"}]}}                          Google
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omen.core.json_reading import read_json
from omen.core.names import is_short

_MESSAGES = ("message", "detail", "msg", "error", "errors", "Message", "description")
_MOST_DETAILS = 5
_DEEPEST = 4
_LONGEST_STEP = 40
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
    retry_delay: str | None = None
    """How long to wait, where the error itself says so (Google): "34.5s"."""


def read_body(body: bytes) -> ErrorReport | None:
    """Read an error from the body of an answer; None when it holds none (HTML, say)."""
    try:
        value = read_json(body)
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
    request_id = _short(value.get("request_id"))
    if isinstance(error, dict) and error:
        return _report(error, _sentence(error), request_id)
    message = _sentence(error) or _sentence(value)
    return _report(value, message, request_id) if message else None


def _report(fields: dict[str, Any], message: str | None, request_id: str | None) -> ErrorReport:
    code = fields.get("code")
    return ErrorReport(
        message=message,
        code=_word(code) or _word(_field(fields.get("details"), "error_code")),
        type=_word(fields.get("type")),
        param=_short(fields.get("param")),
        status=_status(code) or _status(fields.get("status")) or _status(fields.get("statusCode")),
        request_id=request_id,
        retry_delay=_retry_delay(fields.get("details")),
    )


def _sentence(value: object, depth: int = 0) -> str | None:
    """Return what an error says in words, wherever it stands.

    What a server quotes of the request (`input`, `ctx`) is left out: it may be a prompt.
    """
    if isinstance(value, list):
        found = (_sentence(item, depth + 1) for item in value[:_MOST_DETAILS])
        return "; ".join(text for text in found if text) or None
    if not isinstance(value, dict) or depth > _DEEPEST:
        return _text(value)
    named = (_sentence(value.get(name), depth + 1) for name in _MESSAGES)
    text = next((text for text in named if text), None)
    where = value.get("loc")
    if text is None or not isinstance(where, list):
        return text
    path = ".".join(str(step)[:_LONGEST_STEP] for step in where if step != "body")
    return f"{path}: {text}" if path else text


def _retry_delay(details: object) -> str | None:
    for detail in details if isinstance(details, list) else ():
        if delay := _text(_field(detail, "retryDelay")):
            return delay
    return None


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _short(value: object) -> str | None:
    """Keep a name; what is too long for one says nothing."""
    text = _text(value)
    return text if text is not None and is_short(text) else None


def _word(value: object) -> str | None:
    """Keep what a program could branch on; Azure's `"429"` only repeats the status."""
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        return None
    return value if re.search("[A-Za-z]", value) else None


def _status(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch("[1-5][0-9][0-9]", value):
        return int(value)
    return value if isinstance(value, int) and 100 <= value < 600 else None
