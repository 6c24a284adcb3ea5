"""A gateway with keys and books, as callers with one of the keys meet it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import trio

from omen.config import LedgerSettings, Price, ProviderSettings, Settings
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.gateway import make_books
from omen.sim import SimulatedUpstream
from tests.e2e.served import PATIENCE, Served, open_served
from tests.world import upstream

FLEET = (
    upstream("openai", first_token=0.0, gap=0.0, tokens=10),
    upstream("anthropic", "anthropic", first_token=0.0, gap=0.0, tokens=10),
)
ASK: dict[str, Any] = {
    "model": "openai/m",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 10,
}


@dataclass
class Team:
    served: Served

    async def key(self, **more: Any) -> str:
        made = make_key()
        caller = Caller(key_id=made.key_id, name="test", **more)
        record = KeyRecord(caller=caller, digest=made.digest, created_at=datetime.now(UTC))
        assert self.served.gateway.books is not None
        await self.served.gateway.books.worker.ask(lambda db: db.add_key(record))
        await self.served.gateway.keys.refresh()
        return made.text

    async def ask(self, key: str, **more: Any) -> Any:
        def run() -> Any:
            url = f"{self.served.url}/v1"
            with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
                return client.chat.completions.create(**{**ASK, **more})

        return await trio.to_thread.run_sync(run)

    async def get(self, path: str, key: str | None = None, method: str = "GET") -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        url = self.served.url + path
        return await trio.to_thread.run_sync(
            lambda: httpx.request(method, url, headers=headers, timeout=30)
        )

    async def until_booked(self, rows: int) -> None:
        assert self.served.gateway.books is not None
        while self.served.gateway.books.ledger.written < rows:  # noqa: ASYNC110
            await trio.sleep(0.01)


def priced(provider: ProviderSettings) -> ProviderSettings:
    price = Price(input=Decimal(0), output=Decimal(100_000))
    return replace(provider, prices={"m": price}, api_key="sk-upstream-secret")


@asynccontextmanager
async def open_team(
    folder: Path,
    *more: SimulatedUpstream,
    settings: Settings | None = None,
    patience: float = PATIENCE,
) -> AsyncIterator[Team]:
    books = make_books(LedgerSettings(), folder)
    async with (
        open_served(
            *FLEET, *more, settings=settings, books=books, configure=priced, patience=patience
        ) as served,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(served.gateway.keep_up)
        yield Team(served)
        nursery.cancel_scope.cancel()
