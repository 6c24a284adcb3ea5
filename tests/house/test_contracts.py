"""The import contracts fail when they should: forbidden imports are planted, and named."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PACKAGES = sorted(p.name for p in (ROOT / "omen").iterdir() if (p / "__init__.py").exists())
FRAMING = "omen.wire.sse"
ALLOWED = {
    "omen_strategies.race": {"core"},
    "omen_strategies.kit.field": {"core"},
    "omen.providers.openai": {"core", "providers"},
    "omen.providers.chat_completions.decoder": {"core", "providers"},
    "omen.core.plan": {"core"},
    FRAMING: {"core"},
}
"""Modules into which imports are planted, and the packages of omen that each may import."""
FOREIGN = {
    "omen_strategies.race": ("httpx", "pydantic"),
    "omen.providers.openai": ("httpx", "trio"),
    "omen.core.plan": ("httpx", "trio"),
    FRAMING: ("httpx", "trio"),
}
"""Packages of others that each may not import."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that the contracts look at."""
    for name in ("omen", "strategies"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "house").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "house" / "allowlist.py", tmp_path / "tests" / "house")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(tree: Path) -> tuple[int, str]:
    code = "import sys; sys.path[:0] = ['.', 'strategies']; from importlinter.cli import *; "
    code += "sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"COLUMNS": "200", "PATH": ""},
    )
    return done.returncode, done.stdout + done.stderr


def source_of(tree: Path, module: str) -> Path:
    root = tree / "strategies" if module.startswith("omen_strategies") else tree
    return root / (module.replace(".", "/") + ".py")


def plant(tree: Path, module: str, imported: str) -> None:
    with source_of(tree, module).open("a") as file:
        file.write(f"\nimport {imported}\n")


def test_the_tree_as_it_stands_keeps_every_contract(tree: Path) -> None:
    status, printed = check(tree)
    assert status == 0, printed


def test_a_forbidden_import_of_any_package_is_named(tree: Path) -> None:
    forbidden: list[tuple[str, str]] = []
    for module, allowed in ALLOWED.items():
        targets = [f"omen.{name}" for name in PACKAGES if name not in allowed]
        forbidden += [(module, target) for target in (*targets, *FOREIGN.get(module, ()))]
    for module, target in forbidden:
        plant(tree, module, target)
    status, printed = check(tree)
    assert status == 1
    named = set(re.findall(r"- (\S+) -> (\S+)", printed))
    assert [pair for pair in forbidden if pair not in named] == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("omen.core.chat", "omen.cli"),
        ("omen.routing.decide.router", "omen.gateway"),
        ("omen.wire.transport", "omen.serving"),
        ("omen.gateway._pipeline", "omen.front"),
        ("omen.accounts.limits", "omen.routing"),
        ("omen.sim.server", "omen.wire"),
        ("omen.race.engine", "omen_strategies"),
        ("omen.front.openai.api", "omen.client"),
    ],
)
def test_an_arrow_that_does_not_point_down_breaks_the_check(
    tree: Path, module: str, imported: str
) -> None:
    plant(tree, module, imported)
    status, printed = check(tree)
    assert status == 1
    assert "BROKEN" in printed


def test_a_package_that_no_layer_names_breaks_the_check(tree: Path) -> None:
    (tree / "omen" / "attic").mkdir()
    (tree / "omen" / "attic" / "__init__.py").touch()
    status, printed = check(tree)
    assert status == 1
    assert "omen.attic" in printed


def test_a_circle_of_siblings_breaks_the_check(tree: Path) -> None:
    plant(tree, "omen.routing.models.catalog", "omen.routing.decide.router")
    status, printed = check(tree)
    assert status == 1
    assert "No cycles BROKEN" in printed


def test_ls_shows_at_most_twenty_one_packages_and_no_loose_module() -> None:
    assert len(PACKAGES) <= 21
    loose = {path.name for path in (ROOT / "omen").glob("*.py")}
    assert loose <= {"__init__.py", "__main__.py", "plan.py"}
