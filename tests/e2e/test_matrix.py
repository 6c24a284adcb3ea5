"""Every feature, asked of every provider by the official SDKs over sockets.

What comes out is the table in docs/providers.md: `OMEN_WRITE_DOCS=1` writes it, and without that
it has to be what stands there. A cell says what happened; anything but an answer as it should be,
a refusal that names what cannot be had, or a field that is left out fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import trio

from omen.sim import Silence, SimulatedUpstream
from tests.e2e.matrix.by_anthropic import BY_ANTHROPIC
from tests.e2e.matrix.by_openai import BY_OPENAI
from tests.e2e.matrix.cells import Feature, Session, play
from tests.e2e.matrix.columns import COLUMNS, Column
from tests.e2e.matrix.faults import MISHAPS
from tests.e2e.served import open_served

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
BEGIN, END = "<!-- matrix: {name} -->\n", "<!-- end of matrix -->"
PATIENCE = 1.0
"""Seconds for which an upstream that says nothing is waited for."""
SDKS = {"openai": BY_OPENAI, "anthropic": BY_ANTHROPIC}


async def column(asked: Column, sdk: str) -> dict[str, str]:
    """Play all features of one provider, one after the other, and then its mishaps."""
    cells = await play_all(asked, asked.upstream(), SDKS[sdk])
    for mishap in MISHAPS:
        upstream = asked.upstream(mishap.fault)
        patience = PATIENCE if isinstance(mishap.fault, Silence) else 60.0
        features = {mishap.title: mishap.feature(sdk)}
        cells |= await play_all(asked, upstream, features, patience)
    return cells


async def play_all(
    asked: Column,
    upstream: SimulatedUpstream,
    features: Mapping[str, Feature],
    patience: float = 60.0,
) -> dict[str, str]:
    async with open_served(
        upstream, configure=asked.configured, first_token_timeout=patience
    ) as served:
        model = f"{asked.name}/{asked.model}"
        embedding_model = f"{asked.name}/{asked.embedding_model}"
        session = Session(served.url, model, embedding_model, served.stats[asked.name])
        cells = {}
        for title, feature in features.items():
            cells[title] = await trio.to_thread.run_sync(partial(play, feature, session))
        await served.assert_nothing_left()
        return cells


def table(columns: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for title in next(iter(columns.values())):
        cells = (column[title] for column in columns.values())
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("sdk", SDKS)
async def test_the_matrix_on_the_page_is_what_the_sdks_found(sdk: str) -> None:
    found = table({asked.title: await column(asked, sdk) for asked in COLUMNS})
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN.format(name=sdk))
    written, end, after = rest.partition(END)
    assert begin
    assert end
    if os.environ.get("OMEN_WRITE_DOCS"):
        PAGE.write_text(f"{before}{begin}{found}{end}{after}", encoding="utf-8")
    else:
        assert written == found
