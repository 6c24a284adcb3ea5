"""What is imported is declared, so that no other package's change takes it away unnoticed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"omen", "omen_strategies", "bench", "tests"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in requirements}


def imported(folder: str) -> set[str]:
    found: set[str] = set()
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.partition(".")[0])
    return found - OURS - sys.stdlib_module_names


DECLARED = names(PROJECT["dependencies"])
EXTRAS = {extra: names(lines) for extra, lines in PROJECT["optional-dependencies"].items()}
PINNED = {
    normal(line.partition("==")[0])
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("omen", ("redis", "postgres", "plot", "otel", "zstd", "yaml")),
        ("strategies", ()),
        ("tests", ("dev", "otel", "real")),
        ("bench", ("dev",)),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    allowed = DECLARED.union(*(EXTRAS[extra] for extra in extras))
    owners = packages_distributions()
    undeclared = {
        module
        for module in imported(folder)
        if module in owners and not {normal(owner) for owner in owners[module]} & allowed
    }
    assert undeclared == set()


def test_what_is_declared_is_pinned_to_what_was_tested() -> None:
    assert DECLARED.union(*EXTRAS.values()) - PINNED == set()
