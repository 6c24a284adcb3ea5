"""The websocket by a browser: headless Chromium, with a page of another origin."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio

from omen.sim import Fixed, Profile, SimulatedUpstream
from tests.e2e.browser import CHROMIUM
from tests.e2e.keyed import Team, open_team
from tests.e2e.reporting_site import open_site
from tests.world import whole

PAGE = (Path(__file__).parent / "websocket.html").read_bytes()
FLOOD = SimulatedUpstream(
    "flood", "openai", Profile(first_token=Fixed(0), gap=Fixed(0), tokens=200_000), 1, ("flood",)
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def browse(folder: Path, **query: str) -> dict[str, Any]:
    """Open the page in a browser and wait for its report."""
    with open_site(PAGE) as (port, reports):
        url = f"http://127.0.0.1:{port}/?{urlencode(query)}"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command = [str(CHROMIUM), *flags, f"--user-data-dir={folder}", "--remote-debugging-port=0"]
        with subprocess.Popen(
            [*command, url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        ) as browser:
            try:
                return reports.get(timeout=50)
            finally:
                browser.kill()


async def look(team: Team, folder: Path, **query: str) -> dict[str, Any]:
    address = team.served.url.replace("http", "ws", 1) + "/omen/ws"
    return await trio.to_thread.run_sync(partial(browse, folder, socket=address, **query))


async def test_a_page_with_a_key_races_and_cancels(tmp_path: Path) -> None:
    async with open_team(tmp_path, FLOOD) as team:
        told = await look(team, tmp_path / "browser", key=await team.key())
        await team.served.assert_nothing_left()
    assert told["text"] in (whole("openai"), whole("anthropic"))
    assert told["ends"]["whole"] in ("openai/m", "anthropic/m")
    assert told["ends"]["cut"] == "cancelled"
    assert told["closed"] == 1005  # the page closed it, and said nothing of why


async def test_a_page_of_another_site_gets_nothing_without_a_key(tmp_path: Path) -> None:
    """Though there are no keys, and its browser is on this machine."""
    async with open_team(tmp_path, FLOOD) as team:
        told = await look(team, tmp_path / "browser")
        assert list(team.served.gateway.races) == []
    assert told["closed"] == 1006  # its handshake was refused
    assert told["text"] == ""
