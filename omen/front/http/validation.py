"""Turns pydantic's findings into one error in OpenAI's words, naming the field and no value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from omen.core.errors import RequestError

Location = Sequence[int | str]
_MOST = 5
"""Findings told in one message; a caller who made more will be back."""
_MOST_LISTED = 5_000
"""Findings that are looked at: eight milliseconds."""
_LONGEST = 120
"""Characters of a field's path that are told. The names of unknown keys are the caller's."""
_WORDS = {"missing": "is required", "extra_forbidden": "is not a known key"}


def body_path(location: Location) -> str:
    """Spell a field of the body: its keys and indexes with dots, unions' tags left out."""
    steps = [str(step) for step in location]
    return ".".join(step for step in steps if not step.startswith("<"))[:_LONGEST]


def describe(error: ValidationError, spell: Callable[[Location], str] = body_path) -> RequestError:
    """Make a 400 of a failed validation. Its `param` is the first field at fault."""
    if error.error_count() > _MOST_LISTED:
        # pydantic can only list all of them, in one long call.
        return RequestError(f"the body: {error.error_count()} fields are not what they should be")
    findings = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        _tell(spell(finding["loc"]), _WORDS.get(finding["type"], finding["msg"]))
        for finding in findings[:_MOST]
    ]
    further = f"; and {len(findings) - _MOST} more" if len(findings) > _MOST else ""
    return RequestError("; ".join(told) + further, param=spell(findings[0]["loc"]) or None)


def _tell(path: str, message: str) -> str:
    if not path:
        return f"the body: {message}"
    return f"{path}: {message[:1].lower()}{message[1:]}"
