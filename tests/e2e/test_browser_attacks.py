"""Attacks by pages in a real browser, on a gateway without keys: none succeeds.

An attack succeeds if a chat is served, if state changes, or if the page can read anything or can
see that something was served.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio

from omen.config import ServerSettings
from tests.e2e.browser import CHROMIUM, EVIL, attack
from tests.e2e.served import Served, open_served
from tests.world import upstream

LEAST = 30
FLEET = (upstream("openai", first_token=0.0, gap=0.0), upstream("ollama", "ollama"))

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@dataclass
class Target:
    """A gateway, and how often its cache was cleared."""

    served: Served
    cleared: list[int] = field(default_factory=list)

    @property
    def changed(self) -> tuple[int, int]:
        """The chats that were begun, and how often the cache was cleared."""
        return len(list(self.served.gateway.races)), len(self.cleared)

    async def attack(self, folder: Path, name: str, target: str) -> dict[str, str]:
        address = self.served.handle.addresses[0]
        run = partial(attack, folder, (str(address[0]), int(address[1])), name, target)
        return await trio.to_thread.run_sync(run)


@asynccontextmanager
async def target(**server: tuple[str, ...]) -> AsyncIterator[Target]:
    async with open_served(*FLEET, server=ServerSettings(**server), patience=120) as served:
        found = Target(served)
        clear = served.gateway.cache.clear

        async def counted() -> int:
            found.cleared.append(1)
            return await clear()

        served.gateway.cache.clear = counted  # type: ignore[method-assign]
        yield found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "host"),
    [(EVIL, "127.0.0.1"), (EVIL, "localhost"), ("localhost", "localhost")],
    ids=["by address", "by name", "from another port of this machine"],
)
async def test_no_attack_of_a_page_succeeds(tmp_path: Path, name: str, host: str) -> None:
    async with target() as gateway:
        told = await gateway.attack(tmp_path, name, host)
        if name == "localhost":
            # Its "rebound" requests are those of a program on this machine that relays them.
            told = {what: read for what, read in told.items() if not what.startswith("rebound")}
            assert gateway.changed == (2, 1)
        else:
            assert gateway.changed == (0, 0)
        assert {what: read for what, read in told.items() if read} == {}
        assert len(told) >= LEAST


@pytest.mark.slow
async def test_the_same_requests_succeed_where_the_name_is_the_gateways_own(tmp_path: Path) -> None:
    """So the attacks above can succeed, and a page of the gateway's own is served."""
    async with target(hosts=(EVIL,)) as gateway:
        told = await gateway.attack(tmp_path, EVIL, "127.0.0.1")
        rebound = {what for what, read in told.items() if read}
        assert rebound >= {"reboundChat", "reboundAdmin", "reboundHealth", "reboundClear"}
        assert rebound >= {"reboundFeed", "reboundSocket"}
        assert not {what for what in rebound if not what.startswith("rebound")}
        assert gateway.changed == (2, 1)
