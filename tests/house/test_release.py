"""What `make release` does to the changelog, and what it builds from."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import omen
from omen.cli.main import main_or_serve
from tests.docs.pages import ROOT
from tests.house.changelog import ReleaseError, add_section, cut_release
from tests.house.release import project, with_absolute_links

CHANGELOG = """# Changelog

What users notice.

## Unreleased

See the fragments in [changes](changes/README.md).

## 0.1.0 (2026-01-02)

### New

It exists.
"""
FRAGMENTS = {
    "9.fix.md": "- Nine is right.\n  See [the page](../docs/operations.md).\n",
    "10.fix.md": "- Ten is right.\n",
    "10.feature.md": "A paragraph about ten, with [an address](https://example.org).\n",
    "words.feature.md": "A paragraph about words, and [how](README.md).\n",
    "10.change.md": "- Ten has moved.\n",
}


def test_a_release_groups_fragments_by_kind_above_earlier_releases() -> None:
    assert add_section(CHANGELOG, FRAGMENTS, "0.2.0", "2026-12-01") == CHANGELOG.replace(
        "## 0.1.0",
        """## 0.2.0 (2026-12-01)

### Changed

- Ten has moved.

### New

A paragraph about ten, with [an address](https://example.org).

A paragraph about words, and [how](changes/README.md).

### Fixed

- Nine is right.
  See [the page](docs/operations.md).
- Ten is right.

## 0.1.0""",
    )


@pytest.mark.parametrize(
    ("version", "fragments", "why"),
    [
        ("0.2", FRAGMENTS, "is not MAJOR.MINOR.PATCH"),
        ("0.1.0", FRAGMENTS, "is not newer than 0.1.0"),
        ("0.0.10", FRAGMENTS, "is not newer than 0.1.0"),
        ("0.2.0", {}, "nothing has changed"),
        ("0.2.0", {"10.bug.md": "- A bug.\n"}, r"changes/10\.bug\.md is not called"),
        ("0.2.0", {"notes.md": "- A note.\n"}, r"changes/notes\.md is not called"),
    ],
)
def test_a_release_that_cannot_be_right_is_refused(
    version: str, fragments: Mapping[str, str], why: str
) -> None:
    with pytest.raises(ReleaseError, match=why):
        add_section(CHANGELOG, fragments, version, "2026-12-01")


def test_cutting_a_release_sets_the_version_and_uses_up_the_fragments_of_this_tree(
    tmp_path: Path,
) -> None:
    for name in ("CHANGELOG.md", "pyproject.toml", "omen/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "changes", tmp_path / "changes")
    (tmp_path / "changes" / "zz.fix.md").write_text("- The last line of all.\n")
    cut_release(tmp_path, "99.0.0", "2026-12-01")
    assert [path.name for path in (tmp_path / "changes").iterdir()] == ["README.md"]
    assert project(tmp_path)["version"] == "99.0.0"
    assert '\n__version__ = "99.0.0"\n' in (tmp_path / "omen" / "__init__.py").read_text()
    changelog = (tmp_path / "CHANGELOG.md").read_text()
    assert "\n## 99.0.0 (2026-12-01)\n" in changelog
    assert "- The last line of all.\n" in changelog


def test_a_release_that_is_refused_changes_no_file(tmp_path: Path) -> None:
    (tmp_path / "changes").mkdir()
    (tmp_path / "omen").mkdir()
    (tmp_path / "changes" / "1.fix.md").write_text("- It is right.\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "pyproject.toml").write_text('version = "0.1.0"\n')
    (tmp_path / "omen" / "__init__.py").write_text("no version\n")
    with pytest.raises(ReleaseError, match="__version__"):
        cut_release(tmp_path, "0.2.0", "2026-12-01")
    assert (tmp_path / "CHANGELOG.md").read_text() == CHANGELOG
    assert (tmp_path / "changes" / "1.fix.md").exists()


def test_the_package_and_the_code_have_one_version() -> None:
    assert project()["version"] == omen.__version__


def test_links_of_the_readme_are_absolute_once_the_repository_has_an_address() -> None:
    readme = "[a](docs/a.md#b) [c](https://example.org) [d](#e)"
    metadata: dict[str, Any] = {"version": "1.2.3", "urls": {"Repository": "https://f.org/o/r/"}}
    assert with_absolute_links(readme, metadata) == (
        "[a](https://f.org/o/r/blob/v1.2.3/docs/a.md#b) [c](https://example.org) [d](#e)"
    )
    metadata["urls"]["Repository"] = "https://omen.example/repository"
    assert with_absolute_links(readme, metadata) == readme


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["serve"]),
        (["--port", "0"], ["serve", "--port", "0"]),
        (["-v"], ["serve", "-v"]),
        (["--version"], ["--version"]),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
        (["race", "hello", "--k", "2"], ["race", "hello", "--k", "2"]),
        (["srve"], ["srve"]),
    ],
)
def test_omen_gateway_serves_unless_its_first_argument_says_otherwise(
    arguments: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["omen-gateway", *arguments])
    monkeypatch.setattr("omen.cli.main._run", lambda argv: ran.append(list(argv)) or 0)
    assert main_or_serve() == 0
    assert ran == [expected]
