"""A real nginx with one line of a user's own, `proxy_pass`: what passes, and what needs a setting.

docs/deploy.md has these results as a table.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import grpc
import pytest

from tests.e2e.through_proxies import (
    BEARER,
    FIRST_WORD,
    PATHS,
    Site,
    endless_behind,
    grpc_first_word,
    websocket_first_word,
)
from tests.servers import FOR_WEBSOCKETS, running_nginx


def behind_nginx(folder: Path, lines: str = "") -> AbstractAsyncContextManager[int]:
    """Serve the endless model behind nginx with `proxy_pass` and these lines; give its port."""
    return endless_behind(partial(running_nginx, folder, lines=lines))


def site(port: int) -> Site:
    return Site(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("path", PATHS)
async def test_streams_pass_unbuffered_and_end_when_their_client_leaves(
    tmp_path: Path, path: str
) -> None:
    async with behind_nginx(tmp_path) as port:
        assert await site(port).stream_first_word(path) == (200, "HTTP/1.1")


async def test_the_live_feed_passes_unbuffered(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path) as port:
        assert await site(port).follow_races() == (200, "HTTP/1.1")


async def test_a_websocket_needs_the_headers_of_the_upgrade_and_the_refusal_says_so(
    tmp_path: Path,
) -> None:
    async with behind_nginx(tmp_path) as port:
        upgrade = {"connection": "upgrade", "upgrade": "websocket", **BEARER}
        refused = await site(port).send("GET", "/omen/ws", headers=upgrade)
    assert refused.status_code == 426
    assert "forwards Upgrade and Connection" in refused.json()["error"]["message"]


async def test_with_these_headers_it_passes(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path, FOR_WEBSOCKETS) as port:
        assert await websocket_first_word(f"ws://127.0.0.1:{port}/omen/ws") == FIRST_WORD


async def test_grpc_does_not_pass_without_grpc_pass(tmp_path: Path) -> None:
    """A plain listener of nginx speaks HTTP/1 only, to its clients and to OMEN."""
    async with behind_nginx(tmp_path) as port:
        with pytest.raises(grpc.RpcError) as refused:
            await grpc_first_word(f"127.0.0.1:{port}")
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(("lines", "status"), [("", 413), ("client_max_body_size 32m;", 404)])
async def test_a_long_prompt_needs_a_larger_body_than_nginx_allows(
    tmp_path: Path, lines: str, status: int
) -> None:
    """OMEN's own answer, here about a model that nobody serves, is a JSON object."""
    body = {"model": "none", "messages": [{"role": "user", "content": "a" * 1_100_000}]}
    async with behind_nginx(tmp_path, lines) as port:
        answer = await site(port).send("POST", "/v1/chat/completions", json=body, headers=BEARER)
    assert answer.status_code == status
