r"""The `.env` reader: `NAME=value` lines. The format is defined here, because readers differ.

- A line is blank, a comment (`#` first), or `NAME=value`, optionally after `export`. Space around
  the name and the value is dropped. Of two lines with the same name, the later one counts.
- A bare value ends at the end of its line or where a `#` follows a space.
- In single quotes everything is literal. In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and
  `\$` are escapes, and any other backslash is itself. Both may run over several lines.
- `$NAME` is not expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_BARE = re.compile(r"([^\n]*?)[ \t]*(?:(?<=[ \t])#[^\n]*)?(?:\n|\Z)")
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_REST_OF_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_ESCAPE = re.compile(r"\\([nrt\"\\$])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read. Its text is not kept: it may contain a secret."""

    number: int
    fault: str


def parse_dotenv(text: str) -> tuple[dict[str, str], list[BadLine]]:
    """Return the variables of a `.env` file, and the lines that could not be read."""
    text = text.replace("\r\n", "\n")
    variables: dict[str, str] = {}
    bad: list[BadLine] = []
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
            continue
        number = text.count("\n", 0, position) + 1
        fault = ""
        if name := _NAME.match(text, position):
            value, end, fault = _value(text, name.end())
            if not fault:
                variables[name[1]] = value
        else:
            end, fault = _next_line(text, position), "a line that is not NAME=value"
        if fault:
            bad.append(BadLine(number, fault))
        position = end
    return variables, bad


def _value(text: str, position: int) -> tuple[str, int, str]:
    """Return the value at `position`, the position after it, and its fault (empty if none)."""
    if text[position : position + 1] not in {"'", '"'}:
        bare = _BARE.match(text, position)
        assert bare is not None  # it matches anything
        return bare[1], bare.end(), ""
    quoted = _QUOTED.match(text, position)
    if quoted is None:
        return "", _next_line(text, position), "a quote that is never closed"
    rest = _BLANK.match(text, quoted.end())
    if rest is None:
        return "", _next_line(text, quoted.end()), "text after the closing quote"
    if quoted[1] is not None:
        return quoted[1], rest.end(), ""
    return _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), quoted[2]), rest.end(), ""


def _next_line(text: str, position: int) -> int:
    line = _REST_OF_LINE.match(text, position)
    assert line is not None  # it matches anything
    return line.end()
