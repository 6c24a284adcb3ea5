"""Makes the pictures of the page: `python -m bench.dashboard`.

A gateway with keys and a ledger runs over simulated upstreams, one of which is down. After some
traffic a headless Chromium shows its page, sends a race from it, and takes a picture in light and
one in dark while the answer comes. They go to `docs/pictures`. Needs chromium.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import trio

from omen.config import HealthSettings, LedgerSettings, Price, ProviderSettings, Settings
from omen.config.settings import RaceSettings, RoutingSettings
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.gateway import Gateway, make_books
from omen.sim import Fixed, LogNormal, Profile, SimulatedUpstream, Status
from tests.e2e.devtools import Tab, open_tab
from tests.e2e.served import Served, open_served

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/pictures"
WIDTH, HEIGHT = 1440, 900
REQUESTS, AT_ONCE = 48, 12
MODELS = "openai/gpt-4.1-mini,anthropic/claude-haiku,ollama/llama3.1:8b"
STRATEGIES = ("race", "speculate_k", "single", "race", "speculate_k", "parallel_merge")
MODERATE = Profile(first_token=LogNormal(0.45, 0.4), gap=Fixed(0.04), tokens=100)
FLEET = (
    SimulatedUpstream("openai", "openai", MODERATE, 3, ("gpt-4.1-mini", "gpt-4.1")),
    SimulatedUpstream("anthropic", "anthropic", MODERATE, 5, ("claude-haiku",)),
    SimulatedUpstream("ollama", "ollama", MODERATE, 7, ("llama3.1:8b",)),
    SimulatedUpstream("vllm", "openai", MODERATE, 9, ("qwen3",)),
)
PRICES = {
    "openai": Price(input=Decimal("0.4"), output=Decimal("1.6")),
    "anthropic": Price(input=Decimal(1), output=Decimal(5)),
}

SITE = Caller(
    name="site", requests_per_minute=120, tokens_per_minute=90_000, monthly_usd=Decimal(1)
)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they go")
    folder: Path = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in trio.run(make_pictures).items():
        (folder / name).write_bytes(picture)


async def make_pictures() -> dict[str, bytes]:
    """Return the pictures in PNG by the name of their file, one in light and one in dark."""
    pictures: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        async with _gateway(Path(scratch)) as served:
            key = await _key(served.gateway, Caller(name="operator", admin=True))
            site = await _key(served.gateway, SITE)
            await _traffic(served, site)
            with FLEET[3].down(Status(1.0, status=503)):
                for _ in range(2):
                    await _ask(served, site, "vllm/qwen3", "single")
                async with open_tab(Path(scratch) / "browser") as tab:
                    await _show(tab, served.url, key)
                    for scheme in ("light", "dark"):
                        pictures[f"dashboard-{scheme}.png"] = await _picture(tab, scheme)
                    # The ledger is open until the gateway stops, so let the last answer end first.
                    await tab.until("!document.getElementById('send').disabled")
    return pictures


@asynccontextmanager
async def _gateway(folder: Path) -> AsyncIterator[Served]:
    settings = Settings(routing=RoutingSettings(budget_monthly_usd=Decimal(2)))
    books = make_books(LedgerSettings(), folder)
    async with (
        open_served(
            *FLEET,
            settings=replace(settings, routing=replace(settings.routing, unpriced="free")),
            race=RaceSettings(max_extra_load=0.1, warmup_delay_ms=1000.0),
            health=HealthSettings(interval_seconds=1.0),
            books=books,
            configure=_priced,
            patience=300,
        ) as served,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(served.gateway.keep_up)
        yield served
        nursery.cancel_scope.cancel()


async def _key(gateway: Gateway, caller: Caller) -> str:
    """Make a key for a caller with these limits."""
    made = make_key()
    caller = replace(caller, key_id=made.key_id)
    record = KeyRecord(caller=caller, digest=made.digest, created_at=datetime.now(UTC))
    assert gateway.books is not None
    await gateway.books.worker.ask(lambda database: database.add_key(record))
    await gateway.keys.refresh()
    return made.text


def _priced(provider: ProviderSettings) -> ProviderSettings:
    price = PRICES.get(provider.name)
    prices = {} if price is None else dict.fromkeys(provider.models, price)
    return replace(provider, prices=prices)


async def _traffic(served: Served, key: str) -> None:
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def ask(number: int) -> None:
        async with limiter:
            await _ask(served, key, MODELS, STRATEGIES[number % len(STRATEGIES)], number)

    async with trio.open_nursery() as nursery:
        for number in range(REQUESTS):
            nursery.start_soon(ask, number)


async def _ask(served: Served, key: str, model: str, strategy: str, number: int = 0) -> None:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": f"Why is the sky blue? {number}"}],
        "max_tokens": 120,
        "omen": {"strategy": strategy},
    }
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(timeout=60) as client:
        await client.post(f"{served.url}/v1/chat/completions", json=body, headers=headers)


async def _show(tab: Tab, url: str, key: str) -> None:
    await tab.resize(WIDTH, HEIGHT)
    await tab.goto(url)
    await tab.until("document.activeElement.id === 'key'")
    await tab.evaluate(f"document.getElementById('key').value = {key!r}")
    await tab.evaluate("document.querySelector('#sign-in button').click()")
    await tab.until("document.documentElement.dataset.feed === 'open'")
    await tab.evaluate(f"document.getElementById('model').value = {MODELS!r}")
    await tab.evaluate("document.getElementById('k').value = 3")


async def _picture(tab: Tab, scheme: str) -> bytes:
    """Return a picture of the page in the middle of an answer."""
    await tab.prefer(scheme)
    await tab.until("!document.getElementById('send').disabled")
    await tab.evaluate("document.getElementById('send').click()")
    await tab.until("document.getElementById('answer').textContent.length > 120")
    # The feed does not say which strategy a race has; the next overview does.
    await tab.until("!document.getElementById('races').innerText.includes('request')")
    return await tab.screenshot()


if __name__ == "__main__":
    main()
