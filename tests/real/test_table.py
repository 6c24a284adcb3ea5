"""A real server answers through OMEN as it does when it is asked directly.

What comes out is a table in docs/providers.md: `OMEN_WRITE_DOCS=1` writes it, and without that it
has to be what stands there. Everything but an equal answer, a refusal that names what cannot be
had, or a difference that the cell itself shows fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from omen.config import ProviderSettings, Settings
from tests.e2e.served import open_served
from tests.real import by_chat, by_messages
from tests.real.asking import GREEDY, SEEDED, Ignored, Refused, Side
from tests.real.llama import MODEL, LlamaServer
from tests.real.situations import SITUATIONS, Situation

# Each adds its rows to SITUATIONS.
ROWS = (by_chat, by_messages)

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
BEGIN, END = "<!-- real servers -->\n", "<!-- end of real servers -->"
Cells = dict[str, str]


@dataclass(frozen=True)
class Column:
    """A kind of provider: the path of its base URL, and what makes its answers repeatable."""

    kind: str
    path: str
    sampling: Mapping[str, Any]


COLUMNS = (
    Column("openai_compatible", "/v1", SEEDED),
    Column("openai", "/v1", SEEDED),
    Column("anthropic", "", GREEDY),
)


def providers(column: Column, servers: Mapping[str, LlamaServer]) -> Settings:
    made = (
        ProviderSettings(
            name=name,
            kind=column.kind,
            base_urls=(server.url + column.path,),
            api_key="unused",
            models=(MODEL,),
        )
        for name, server in servers.items()
    )
    return Settings(providers={provider.name: provider for provider in made})


async def play(situation: Situation, direct: Side, through: Side) -> str:
    """Ask both sides, one after the other, and give the cell."""
    expected = await trio.to_thread.run_sync(situation.ask, direct)
    try:
        seen = await trio.to_thread.run_sync(situation.ask, through)
    except Refused:
        return "refused"
    except Ignored:
        return "ignored"
    return compared(expected, seen)


def compared(expected: Any, seen: Any) -> str:
    if expected == seen:
        return "the same"
    if isinstance(expected, str) and isinstance(seen, str):
        return f"{expected} directly, {seen} through OMEN"
    differing = {name for name in expected if expected[name] != seen[name]}
    assert differing == {"finish"}, f"directly: {expected}\nthrough OMEN: {seen}"
    return f"the same; finish `{expected['finish']}` directly, `{seen['finish']}` through OMEN"


def read_table() -> tuple[str, dict[str, Cells], str]:
    """Read the page: what is before the table, its columns, and what is behind it."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    written, end, after = rest.partition(END)
    assert begin
    assert end
    head, _, *rows = [line.strip("| ").split(" | ") for line in written.splitlines()] or [[], []]
    columns: dict[str, Cells] = {kind: {} for kind in head}
    for title, *cells in rows:
        for kind, cell in zip(head, cells, strict=True):
            columns[kind][title] = cell
    return before + begin, columns, end + after


def write_column(kind: str, cells: Cells) -> None:
    before, columns, after = read_table()
    columns = {column.kind: columns.get(column.kind, {}) for column in COLUMNS} | {kind: cells}
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for title in cells:
        row = (column.get(title, "?") for column in columns.values())
        lines.append(f"| {title} | " + " | ".join(row) + " |")
    PAGE.write_text(before + "\n".join(lines) + "\n" + after, encoding="utf-8")


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.kind)
async def test_an_answer_through_omen_is_the_servers_own(
    column: Column, servers: Mapping[str, LlamaServer]
) -> None:
    cells: Cells = {}
    async with open_served(settings=providers(column, servers)) as served:
        for situation in SITUATIONS:
            name = situation.server
            direct = Side(servers[name].url, MODEL, column.sampling)
            through = Side(served.url, f"{name}/{MODEL}", column.sampling)
            cells[situation.title] = await play(situation, direct, through)
        await served.assert_nothing_left()
    if os.environ.get("OMEN_WRITE_DOCS"):
        await trio.to_thread.run_sync(partial(write_column, column.kind, cells))
    else:
        assert read_table()[1][column.kind] == cells
