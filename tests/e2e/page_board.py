"""The page for operators in a headless Chromium: opened over a gateway, and used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from omen.config import HealthSettings
from omen.sim import SimulatedUpstream
from tests.e2e.devtools import Tab, open_tab
from tests.e2e.keyed import open_team
from tests.e2e.served import Served, open_served
from tests.world import upstream

OFTEN = HealthSettings(interval_seconds=0.1, timeout_seconds=5.0)


@asynccontextmanager
async def open_page(folder: Path, url: str) -> AsyncIterator[Tab]:
    """Yield a tab that shows the page; at the end nothing was logged or came from elsewhere."""
    async with open_tab(folder / "browser") as tab:
        await tab.resize(1440, 900)
        await tab.goto(f"{url}/")
        yield tab
        # A browser logs every answer that is an error, also one that a test has provoked.
        assert [one for one in tab.logged if not one.endswith("/v1/chat/completions")] == []
        assert {one for one in tab.requested if not one.startswith(f"{url}/")} == set()


@asynccontextmanager
async def open_board(
    folder: Path, *upstreams: SimulatedUpstream
) -> AsyncIterator[tuple[Served, Tab]]:
    """Yield a gateway without keys, which probes its upstreams, and the page that shows it."""
    async with (
        open_served(*upstreams, health=OFTEN, patience=150) as served,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(served.gateway.keep_up)
        async with open_page(folder, served.url) as tab:
            await tab.until("document.documentElement.dataset.feed === 'open'")
            yield served, tab
        nursery.cancel_scope.cancel()


async def ask(tab: Tab, model: str, strategy: str = "single", k: int = 2) -> None:
    """Fill in the box, send, and wait until the answer or its error has come."""
    await tab.until("!document.getElementById('send').disabled")
    for name, value in {"model": model, "strategy": strategy, "k": k}.items():
        await tab.evaluate(f"document.getElementById('{name}').value = {str(value)!r}")
    await tab.evaluate("document.getElementById('send').click()")
    await tab.until("!document.getElementById('send').disabled")


def card(name: str, expression: str) -> str:
    """Return an expression about the card of a provider."""
    cards = "[...document.querySelectorAll('.card')]"
    return f"{cards}.some((card) => card.dataset.key === {name!r} && ({expression}))"


def state_of(name: str, *states: str) -> str:
    return card(name, f"{list(states)}.includes(card.dataset.state)")


def shows(selector: str, text: str) -> str:
    return f"document.querySelector({selector!r})?.innerText.includes({text!r})"


async def sign_in(tab: Tab, key: str) -> None:
    await tab.evaluate(f"document.getElementById('key').value = {key!r}")
    await tab.evaluate("document.querySelector('#sign-in button').click()")


@asynccontextmanager
async def open_full_board(folder: Path) -> AsyncIterator[Tab]:
    """Yield a page with everything on it: keys, races, failures, a provider that is down."""
    more = (upstream("moody", "ollama", first_token=0.0, model="a-model-with-a-rather-long-name"),)
    async with open_team(folder, *more, patience=170) as team:
        key = await team.key(admin=True)
        await team.key(requests_per_minute=60, tokens_per_minute=90_000, models=("openai/*",))
        async with open_page_with_key(folder, team.served.url, key) as tab:
            await ask(tab, "openai/m,anthropic/m", "race")
            await ask(tab, "openai/m", "speculate_k")
            with more[0].down():
                for _ in range(3):
                    await ask(tab, f"moody/{more[0].models[0]}")
                await tab.until("document.querySelectorAll('#failures li').length === 1")
                await tab.until("document.querySelectorAll('#races .race').length === 5")
                await tab.evaluate("document.getElementById('pause').click()")
                yield tab


@asynccontextmanager
async def open_page_with_key(folder: Path, url: str, key: str) -> AsyncIterator[Tab]:
    async with open_tab(folder / "browser") as tab:
        await tab.resize(1440, 900)
        await tab.goto(url)
        await tab.until("document.activeElement.id === 'key'")
        await sign_in(tab, key)
        await tab.until("document.documentElement.dataset.feed === 'open'")
        yield tab
