"""A hook of MkDocs: links out of docs/ become links to the repository's address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)\s]+)(\))")


def repository() -> str:
    """Return the address at which the repository's files can be read."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = project.get("urls", {})
    return str(urls.get("Repository", "https://example.invalid/omen")).rstrip("/") + "/blob/main"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return a page whose links out of docs/ lead to the repository."""
    return absolute(markdown, PurePosixPath(page.file.src_uri))


def absolute(markdown: str, page: PurePosixPath) -> str:
    """Return the text of the page `page` of docs/, with absolute links out of docs/."""

    def replaced(match: re.Match[str]) -> str:
        before, target, behind = match.groups()
        parts: list[str] = ["docs", *page.parent.parts]
        for part in PurePosixPath(target).parts:
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        if parts[0] == "docs":
            return match[0]
        return f"{before}{repository()}/{'/'.join(parts)}{behind}"

    return _LINK.sub(replaced, markdown)
