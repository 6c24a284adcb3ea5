"""How the page looks: at three widths, in light and dark, for axe-core, and in a foreign frame."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from tests.e2e.browser import CHROMIUM
from tests.e2e.devtools import open_tab
from tests.e2e.keyed import open_team
from tests.e2e.page_board import open_board, open_full_board
from tests.e2e.page_checks import AXE, WIDTHS, clipped, overlapping, violations
from tests.world import upstream

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not there; .ci/run says how to have it"
)
QUICK = upstream("quick", first_token=0.0, gap=0.0)


async def test_nothing_is_clipped_or_overlaps_at_three_widths(tmp_path: Path) -> None:
    async with open_full_board(tmp_path) as tab:
        for width in WIDTHS:
            await tab.resize(width, 900)
            assert (width, await clipped(tab)) == (width, [])
            assert (width, await overlapping(tab)) == (width, [])
        await tab.evaluate("document.querySelector('#races .open').click()")
        await tab.until("document.querySelector('#timeline-body table') !== null")
        for width in WIDTHS:
            await tab.resize(width, 900)
            assert (width, await clipped(tab)) == (width, [])
            assert (width, await overlapping(tab)) == (width, [])


@needs_axe
async def test_axe_finds_nothing_serious_in_light_and_dark(tmp_path: Path) -> None:
    async with open_full_board(tmp_path) as tab:
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            for width in (360, 1440):
                await tab.resize(width, 900)
                assert (scheme, width, await violations(tab)) == (scheme, width, [])
        await tab.evaluate("document.querySelector('#races .open').click()")
        await tab.until("document.querySelector('#timeline-body table') !== null")
        assert await violations(tab) == []
        await tab.evaluate("document.getElementById('timeline-close').click()")
        await tab.evaluate("document.getElementById('sign-out').click()")
        await tab.until("document.activeElement.id === 'key'")
        assert await violations(tab) == []


async def test_the_switch_overrides_what_the_system_prefers(tmp_path: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    async with open_board(tmp_path, QUICK) as (_, tab):
        found = []
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            found.append(await tab.evaluate(ground))
        assert found[0] != found[1]
        await tab.evaluate("document.getElementById('theme').click()")
        assert await tab.evaluate(ground) == found[0]
        await tab.evaluate("document.getElementById('theme').click()")
        await tab.prefer("light")
        assert await tab.evaluate(ground) == found[1]


async def serve_page(html: str, stream: trio.SocketStream) -> None:
    """Answer the one request of a connection with a page."""
    async with stream:
        await stream.receive_some()
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n"
        await stream.send_all(f"{head}content-length: {len(html)}\r\n\r\n{html}".encode())


async def test_a_page_of_another_site_cannot_frame_it(tmp_path: Path) -> None:
    """With keys, anybody gets the files; a frame of another site stays empty all the same."""
    async with (
        open_team(tmp_path) as team,
        open_tab(tmp_path / "browser") as tab,
        trio.open_nursery() as nursery,
    ):
        await team.key(admin=True)
        serve = partial(serve_page, f"<iframe src='{team.served.url}/dashboard'></iframe>")
        (site, *_) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        await tab.goto(f"http://127.0.0.1:{site.socket.getsockname()[1]}/")
        assert f"{team.served.url}/dashboard" in tab.requested
        assert await tab.is_frame_refused()
        nursery.cancel_scope.cancel()
