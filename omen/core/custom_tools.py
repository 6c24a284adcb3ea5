"""A custom tool as a function of one text. Pure.

OpenAI's custom tools take any text. Most vendors have functions only, and are asked for a function
with one argument, `input`.

**Source.** OpenAI's guide to function calling, "Custom tools", read 2026-11-30.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

from omen.core.pieces import Pieces

_INPUT = "input"
ANY_TEXT: Mapping[str, Any] = {
    "type": "object",
    "properties": {_INPUT: {"type": "string"}},
    "required": [_INPUT],
    "additionalProperties": False,
}
"""The parameters of the function."""

_BEGIN = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_MAY_BEGIN = re.compile(r'\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?')
_WHOLE_CHARACTERS = re.compile(
    r"(?:[^\"\\]"
    r"|\\[^u]"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?![dD][89abAB])[0-9a-fA-F]{4})*"
)
"""As much of a JSON string as is decodable: no escape is cut, and no surrogate pair."""

_LONGEST_ESCAPE = 12
"""Characters of the two escapes of one character."""
_LONGEST_BEGINNING = 4096
"""Characters, blanks among them, behind which the text must have begun to be streamed."""


def described(description: str | None, format_: object) -> str | None:
    """Return a description that tells the grammar, which a function cannot enforce."""
    syntax = format_ if isinstance(format_, Mapping) else {}
    inner = syntax.get("grammar")
    grammar = inner if isinstance(inner, Mapping) else syntax
    paragraphs = [description] if description else []
    if grammar.get("definition"):
        paragraphs.append(f"The input follows this {grammar.get('syntax', '')} grammar:")
        paragraphs.append(str(grammar["definition"]))
    return "\n\n".join(paragraphs) or None


def custom_arguments(text: str) -> str:
    """Return the arguments of the function for this text."""
    return to_json({_INPUT: text}).decode()


def custom_input(arguments: str, *, is_cut: bool = False) -> str:
    """Return the text in the arguments; arguments of another form are returned whole.

    `is_cut`: the arguments may end in the middle of the text.
    """
    try:
        value = from_json(arguments, allow_partial="trailing-strings" if is_cut else False)
    except ValueError:
        value = _lenient(arguments)
    text = value.get(_INPUT) if isinstance(value, dict) else None
    return _without_surrogates(text) if isinstance(text, str) else arguments


class CustomInputReader:
    """Reads the text out of arguments that arrive in fragments, so that it can be streamed."""

    __slots__ = ("_arguments", "_given", "_rest", "_waits")

    def __init__(self) -> None:
        self._arguments = Pieces()
        self._rest: str | None = None
        """What is not decoded yet; None before the text begins."""
        self._waits = False
        """Whether the end decides about what comes: the text has ended, or the arguments have
        another form. Then they are given at the end, whole."""
        self._given = Pieces()

    def feed(self, fragment: str) -> str:
        """Return what of the text has become known; it may be nothing."""
        self._arguments.add(fragment)
        if self._waits:
            return ""
        if self._rest is None:
            self._find_beginning()
        else:
            self._rest += fragment
        if self._rest is None:
            return ""
        found = _WHOLE_CHARACTERS.match(self._rest)
        raw = found[0] if found is not None else ""
        self._rest = self._rest[len(raw) :]
        # An escape that is cut is short, or the other half of it never comes.
        self._waits = self._rest.startswith('"') or len(self._rest) > _LONGEST_ESCAPE
        return self._give(str(json.loads(f'"{raw}"', strict=False)))

    def end(self, *, is_cut: bool = False) -> str:
        """Return what `feed` has left out."""
        whole = custom_input(self._arguments.text, is_cut=is_cut)
        # What was streamed cannot be taken back: broken arguments end where they broke.
        given = self._given
        return self._give(whole[given.size :]) if whole.startswith(given.text) else ""

    @property
    def text(self) -> str:
        """The text that was returned so far."""
        return self._given.text

    def _give(self, text: str) -> str:
        self._given.add(text)
        return text

    def _find_beginning(self) -> None:
        arguments = self._arguments.text
        found = _BEGIN.match(arguments)
        if found is not None:
            self._rest = arguments[found.end() :]
        else:
            has_another_form = _MAY_BEGIN.fullmatch(arguments) is None
            self._waits = has_another_form or len(arguments) > _LONGEST_BEGINNING


def _lenient(arguments: str) -> Any:
    """Read JSON with lone surrogates or raw line breaks; None for what is no JSON."""
    try:
        return json.loads(arguments, strict=False)
    except ValueError:
        return None


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
