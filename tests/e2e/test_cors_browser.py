"""`[server] cors_origins` with a real browser: a named page can ask models, and another cannot."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trio

from omen.config import ServerSettings
from tests.e2e.browser import CHROMIUM, EVIL, browse
from tests.e2e.reporting_site import open_site
from tests.e2e.served import open_served
from tests.world import upstream, whole

PAGE = (Path(__file__).parent / "cors.html").read_bytes()
FLEET = (upstream("openai", first_token=0.0, gap=0.0),)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


async def visit(folder: Path, *, is_named: bool) -> dict[str, str]:
    """Return what a page could read of a gateway without keys, which names its origin or not."""
    with open_site(PAGE) as (port, reports):
        origin = f"http://{EVIL}:{port}"
        named = (origin,) if is_named else ("https://app.example",)
        server = ServerSettings(cors_origins=named)
        async with open_served(*FLEET, server=server, patience=120) as served:
            url = f"{origin}/?{urlencode({'gateway': served.url})}"
            run = partial(browse, folder, origin, url, reports)
            return await trio.to_thread.run_sync(run)


@pytest.mark.slow
async def test_a_named_page_can_ask_models_and_not_the_operators_routes(tmp_path: Path) -> None:
    assert await visit(tmp_path, is_named=True) == {
        "models": "m",
        "chat": whole("openai"),
        "headers": "race and an id",
        "stream": "whole",
        "error": "model_not_found",
        "socket": "completed",
        "admin": "forbidden",
        "clear": "forbidden",
    }


@pytest.mark.slow
async def test_another_page_can_read_nothing(tmp_path: Path) -> None:
    told = await visit(tmp_path, is_named=False)
    assert len(told) == 8
    assert {name: read for name, read in told.items() if read} == {}
