"""Reads the two files. What cannot be read is a problem of its own; the other is still read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from omen.config._wording import looks_secret
from omen.config.dotenv import parse_dotenv
from omen.config.problems import Problem

MOST_LEVELS = 20
"""Of tables and lists within each other. No key is below the fifth."""

_PLACE = re.compile(r"\s*\(at (line \d+, column \d+|end of document)\)$")


def read_toml(path: Path, name: str, problems: list[Problem]) -> dict[str, Any]:
    """Read `omen.toml`; `name` is what messages call it. Empty when it cannot be read."""
    text = _read_text(path, name, problems, wanted="a TOML file, in UTF-8")
    try:
        table = tomllib.loads(text)
    except RecursionError:
        table = None
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        where = place[1] if place else ""
        reason = _PLACE.sub("", str(error))
        detail = "" if looks_secret(reason) else f" ({reason})"
        problems.append(Problem(name, where, f"a syntax error{detail}", "TOML 1.0"))
        return {}
    except ValueError:  # Python does not read one of more than 4300 digits.
        problems.append(Problem(name, "", "a number of thousands of digits", "shorter numbers"))
        return {}
    if table is None or _is_deeper(table, MOST_LEVELS):
        found, allowed = "tables or lists within each other", f"at most {MOST_LEVELS} levels"
        problems.append(Problem(name, "", found, allowed))
        return {}
    return table


def _is_deeper(table: Any, levels: int) -> bool:
    """Return whether there is anything below so many levels. Does not go down itself."""
    level = [table]
    for _ in range(levels):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
    return bool(level)


def read_dotenv(path: Path, name: str, problems: list[Problem]) -> dict[str, str]:
    """Read `.env`, if there is such a file; a folder of that name is somebody's virtualenv."""
    if not path.is_file():
        return {}
    text = _read_text(path, name, problems, wanted="NAME=value lines, in UTF-8")
    variables, bad = parse_dotenv(text)
    allowed = "NAME=value, a comment, or nothing"
    problems.extend(Problem(name, f"line {line.number}", line.found, allowed) for line in bad)
    return variables


def _read_text(path: Path, name: str, problems: list[Problem], *, wanted: str) -> str:
    try:
        # A byte order mark is what some editors write first; it means nothing here.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(Problem(name, f"line {line}", "bytes that are not UTF-8", wanted))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        problems.append(Problem(name, "", f"nothing that can be read ({reason})", wanted))
    return ""
