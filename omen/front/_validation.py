"""Turns pydantic's findings into one error in OpenAI's words, naming the field and no value."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from omen.errors import RequestError

_MOST = 5
"""Findings told in one message; a caller who made more will be back."""
_WORDS = {"missing": "is required", "extra_forbidden": "is not a known key"}


def describe(error: ValidationError, prefix: str = "") -> RequestError:
    """Make a 400 of a failed validation. Its `param` is the first field at fault.

    `prefix` goes before each field's path, as in `omen.`.
    """
    findings = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        _tell(_path(prefix, finding["loc"]), _WORDS.get(finding["type"], finding["msg"]))
        for finding in findings[:_MOST]
    ]
    further = f"; and {len(findings) - _MOST} more" if len(findings) > _MOST else ""
    return RequestError("; ".join(told) + further, param=_path(prefix, findings[0]["loc"]) or None)


def _tell(path: str, message: str) -> str:
    if not path:
        return f"the body: {message}"
    return f"{path}: {message[:1].lower()}{message[1:]}"


def _path(prefix: str, location: Sequence[int | str]) -> str:
    steps = [str(step) for step in location]
    return prefix + ".".join(step for step in steps if not step.startswith("<"))
