"""Reading `omen.toml` and `.env`. If one cannot be read, that is a problem; the other is read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from omen.config._wording import looks_secret
from omen.config.dotenv import parse_dotenv
from omen.config.given_files import ConfigFiles
from omen.config.problems import Problem

MOST_LEVELS = 20
"""Levels of nested tables and lists. No key is below the fifth."""

_YAML = re.compile(r"\A\s*(?:#.*\n|---\s*\n|\s*\n)*[\w-]+:(?:[ \t]|$)", re.MULTILINE)
"""The first line that says something is `key:`."""
_JSON = re.compile(r"\A\s*\{\s*(?:\"|\}|\Z)")
_PLACE = re.compile(r"\s*\(at (line \d+, column \d+|end of document)\)$")


def read_toml(path: Path, name: str, problems: list[Problem], files: ConfigFiles) -> dict[str, Any]:
    """Return the content of `omen.toml`; empty if it cannot be read. Messages call it `name`."""
    text = _read_text(path, name, problems, files, expected="a TOML file, in UTF-8")
    try:
        table = tomllib.loads(text)
    except RecursionError:
        table = None
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = place[1] if place else ""
        reason = _PLACE.sub("", str(error))
        detail = "" if looks_secret(reason) else f" ({reason})"
        found, allowed = f"a syntax error{detail}", "TOML 1.0"
        if _YAML.search(text) is not None:
            found, allowed = "what looks like YAML", "TOML 1.0: [section], and key = value"
        elif _JSON.search(text) is not None:
            found, allowed = "what looks like JSON", "TOML 1.0: [section], and key = value"
        problems.append(Problem(name, line, found, allowed))
        return {}
    except ValueError:  # Python does not read an integer of more than 4300 digits
        problems.append(Problem(name, "", "a number of thousands of digits", "shorter numbers"))
        return {}
    if table is None or _is_deeper(table, MOST_LEVELS):
        found, allowed = "too deeply nested tables or lists", f"at most {MOST_LEVELS} levels"
        problems.append(Problem(name, "", found, allowed))
        return {}
    return table


def _is_deeper(table: Any, levels: int) -> bool:
    """Return whether the nesting exceeds `levels`. Not recursive, so any nesting can be tested."""
    level = [table]
    for _ in range(levels):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
    return bool(level)


def read_dotenv(
    path: Path, name: str, problems: list[Problem], files: ConfigFiles
) -> dict[str, str]:
    """Return the variables of `.env`, if it is a file. A folder of that name is a virtualenv."""
    if not files.is_file(path):
        return {}
    text = _read_text(path, name, problems, files, expected="NAME=value lines, in UTF-8")
    variables, bad = parse_dotenv(text)
    allowed = "NAME=value, a comment, or nothing"
    problems.extend(Problem(name, f"line {line.number}", line.fault, allowed) for line in bad)
    return variables


def _read_text(
    path: Path, name: str, problems: list[Problem], files: ConfigFiles, *, expected: str
) -> str:
    try:
        # Some editors write a byte order mark first; `utf-8-sig` removes it.
        return files.read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(Problem(name, f"line {line}", "bytes that are not UTF-8", expected))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        problems.append(Problem(name, "", f"a file that cannot be read ({reason})", expected))
    return ""
