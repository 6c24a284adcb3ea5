"""Reads the list of mutants: single changes of the code that some test must notice.

The list is in `mutants-*.toml` beside this file. A mutant has an `id`, the `file`, the text to
replace (`old`, which occurs once in the file) and its replacement (`new`), `why` a user would
notice, and the `tests` of which one must fail: paths, perhaps with `::name`. A change without any
observable difference has `equivalent` instead of tests, which says why there is none.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. Paths are relative to the root of the repository."""

    id: str
    file: str
    old: str
    new: str
    why: str = ""
    tests: tuple[str, ...] = ()
    equivalent: str = ""

    def applied(self, source: str) -> str:
        """Return the source with the change."""
        return source.replace(self.old, self.new, 1)


def read_mutants(folder: Path = HERE) -> list[Mutant]:
    """Return all mutants, in the order of the files."""
    found: list[Mutant] = []
    for path in sorted(folder.glob("mutants-*.toml")):
        for one in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]:
            found.append(Mutant(**{**one, "tests": tuple(one.get("tests", ()))}))
    return found


def faults_of(mutants: Sequence[Mutant], root: Path = ROOT) -> list[str]:
    """Return what is wrong with a list: it must not rot while the code changes."""
    counts = Counter(one.id for one in mutants)
    faults = [f"{id_}: the id is there {count} times" for id_, count in counts.items() if count > 1]
    for one in mutants:
        faults += [f"{one.id}: {fault}" for fault in _faults_of(one, root)]
    return faults


def _faults_of(one: Mutant, root: Path) -> list[str]:
    path, faults = root / one.file, []
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    if (count := source.count(one.old)) != 1:
        return [f"its old text is in {one.file} {count} times, and must be there once"]
    if one.new == one.old or not _is_python(one.applied(source)):
        faults.append("its new text is no change, or no Python")
    if bool(one.tests) == bool(one.equivalent):
        faults.append("it needs tests or an explanation why it is equivalent, one of the two")
    if not (one.why or one.equivalent):
        faults.append("it does not say what a user would notice")
    return faults + [f"there is no test {name}" for name in one.tests if not _exists(name, root)]


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _exists(test: str, root: Path) -> bool:
    """Return whether a test is there: its file, and the last name in it."""
    file, _, name = test.partition("::")
    path = root / file
    if not path.exists() or not name:
        return path.exists()
    wanted = name.split("::")[-1].partition("[")[0]
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, defined) and node.name == wanted for node in ast.walk(tree))
