"""The documentation as data: pages, tables, blocks of code, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard, Price, Rates

ROOT = Path(__file__).parents[2]
_WHERE = ("*.md", "docs/**/*.md", "changes/*.md", "bench/**/*.md")
PAGES = sorted(path for where in _WHERE for path in ROOT.glob(where))

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [text for found, text in _FENCED.findall(page(name)) if found == language]


def section(name: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its own level or above."""
    level = heading.partition(" ")[0]
    text = page(name)
    start = re.search(rf"^{re.escape(heading)}$", text, re.MULTILINE)
    assert start is not None, f"{name} has no heading {heading!r}"
    rest = text[start.end() :]
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose first column is called `first`, without its head."""
    start = re.search(rf"^\| {re.escape(first)} \|", text, re.MULTILINE)
    assert start is not None, f"no table of {first!r}"
    table = text[start.start() :].split("\n\n", 1)[0].strip().split("\n")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def codes(cell: str) -> list[str]:
    """What a cell says between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def code(cell: str, default: str | None = None) -> str:
    """The first of them."""
    found = codes(cell)
    assert found or default is not None, f"no code in {cell!r}"
    return found[0] if found else str(default)


def links(text: str) -> Iterator[str]:
    """The relative links outside code."""
    for target in _LINK.findall(_FENCED.sub("", text)):
        if "://" not in target:
            yield target


def anchors(text: str) -> set[str]:
    """The fragments by which headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def someone() -> Candidate:
    """A candidate, where it does not matter which."""
    priced = ModelCard(price=Price(rates=Rates(input=Decimal(1), output=Decimal(1))))
    return Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p", card=priced)
