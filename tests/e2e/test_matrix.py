"""Every feature, asked of every provider by the official SDKs over sockets.

What comes out is the table in docs/providers.md: `OMEN_WRITE_DOCS=1` writes it, and without that
it has to be what stands there. A cell says what happened; anything but an answer as it should be,
a refusal that names what cannot be had, or a field that is left out fails the test.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.e2e.matrix.by_anthropic import BY_ANTHROPIC
from tests.e2e.matrix.by_openai import BY_OPENAI
from tests.e2e.matrix.cells import Features, Session, play
from tests.e2e.matrix.columns import COLUMNS, Column
from tests.e2e.served import open_served

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
BEGIN, END = "<!-- matrix: {name} -->\n", "<!-- end of matrix -->"
SDKS = {"openai": BY_OPENAI, "anthropic": BY_ANTHROPIC}


async def column(asked: Column, features: Features) -> list[str]:
    """Play all features of one provider, one after the other."""
    async with open_served(asked.upstream, configure=asked.configured) as served:
        model = f"{asked.name}/{asked.model}"
        embedding_model = f"{asked.name}/{asked.embedding_model}"
        session = Session(served.url, model, embedding_model, served.stats[asked.name])
        cells = []
        for feature in features.values():
            cells.append(await trio.to_thread.run_sync(partial(play, feature, session)))
        await served.assert_nothing_left()
        return cells


def table(features: Features, cells: dict[str, list[str]]) -> str:
    lines = ["| | " + " | ".join(cells) + " |", "| --- |" + " --- |" * len(cells)]
    for row, title in enumerate(features):
        lines.append(f"| {title} | " + " | ".join(column[row] for column in cells.values()) + " |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("sdk", SDKS)
async def test_the_matrix_on_the_page_is_what_the_sdks_found(sdk: str) -> None:
    cells = {asked.title: await column(asked, SDKS[sdk]) for asked in COLUMNS}
    found = table(SDKS[sdk], cells)
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN.format(name=sdk))
    written, end, after = rest.partition(END)
    assert begin
    assert end
    if os.environ.get("OMEN_WRITE_DOCS"):
        PAGE.write_text(f"{before}{begin}{found}{end}{after}", encoding="utf-8")
    else:
        assert written == found
