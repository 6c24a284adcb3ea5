"""Turn the fragments in `changes/` into a release's section of `CHANGELOG.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

KINDS = {"change": "Changed", "removal": "Removed", "feature": "New", "fix": "Fixed"}
"""The kinds of fragments with their headings, in the order in which whoever upgrades needs them."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_RELEASED = re.compile(r"^## (\d+\.\d+\.\d+)\b", re.MULTILINE)
_UNRELEASED = "## Unreleased\n"


class ReleaseError(Exception):
    """Why a release cannot be made, as a sentence for the person who makes it."""


def cut_release(root: Path, version: str, day: str) -> list[Path]:
    """Write the section of one release, delete its fragments and set the version.

    Return the files that have changed. Nothing is written if anything is wrong.

    **Raises.** `ReleaseError`.
    """
    fragments = {path.name: path for path in (root / "changes").glob("*.md")}
    fragments.pop("README.md", None)
    texts = {name: path.read_text(encoding="utf-8") for name, path in fragments.items()}
    changed = {
        root / "CHANGELOG.md": lambda text: add_section(text, texts, version, day),
        root / "pyproject.toml": lambda text: _set(text, r'^version = "(.*)"$', version),
        root / "omen" / "__init__.py": lambda text: _set(text, r'^__version__ = "(.*)"$', version),
    }
    written = {path: edit(path.read_text(encoding="utf-8")) for path, edit in changed.items()}
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    for path in fragments.values():
        path.unlink()
    return [*written, *fragments.values()]


def add_section(changelog: str, fragments: Mapping[str, str], version: str, day: str) -> str:
    """Return the changelog with a section for one release, above those of earlier releases."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is not MAJOR.MINOR.PATCH")
    earlier = _RELEASED.findall(changelog)
    if any(_number(version) <= _number(other) for other in earlier):
        raise ReleaseError(f"{version} is not newer than {earlier[0]}")
    if not fragments:
        raise ReleaseError("changes/ has no fragment: nothing has changed")
    if _UNRELEASED not in changelog:
        raise ReleaseError(f"CHANGELOG.md has no line {_UNRELEASED.strip()!r}")
    before, _, after = changelog.partition(_UNRELEASED)
    note, mark, released = after.partition("\n## ")
    section = f"\n## {version} ({day})\n\n{_grouped(fragments)}"
    return f"{before}{_UNRELEASED}{note.rstrip()}\n{section}{mark}{released}"


def _grouped(fragments: Mapping[str, str]) -> str:
    """Return the texts under a heading for each kind, in the order of their IDs."""
    groups: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for name in sorted(fragments, key=_order):
        parts = name.split(".")
        if len(parts) != 3 or parts[1] not in KINDS:
            raise ReleaseError(f"changes/{name} is not called ID.KIND.md with a kind of {[*KINDS]}")
        groups[parts[1]].append(_from_the_root(fragments[name].strip()))
    sections = [f"### {KINDS[kind]}\n\n{_joined(texts)}" for kind, texts in groups.items() if texts]
    return "\n\n".join(sections) + "\n"


def _joined(texts: list[str]) -> str:
    """Join texts. A list after a list continues it; anything else is a paragraph of its own."""
    whole = texts[0]
    for before, text in pairwise(texts):
        continues = text.startswith("- ") and before.splitlines()[-1].startswith(("- ", "  "))
        whole += ("\n" if continues else "\n\n") + text
    return whole


def _from_the_root(text: str) -> str:
    """Return a fragment whose relative links count from the folder of CHANGELOG.md."""
    text = re.sub(r"\]\((?!\.\./|[a-z]+:|#|/)", "](changes/", text)
    return text.replace("](../", "](")


def _order(name: str) -> tuple[int, str]:
    identifier = name.partition(".")[0]
    return (int(identifier) if identifier.isdecimal() else 10**9, name)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _set(text: str, pattern: str, version: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise ReleaseError(f"there is no line {pattern}")
    return text[: found.start(1)] + version + text[found.end(1) :]
