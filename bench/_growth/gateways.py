"""A gateway of a given size: its folder, its database, and the command that runs it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import trio

from bench._growth.sizes import PROVIDER, Size, other_models
from bench._processes import Address, Server, create_key, open_replica
from omen.sim import DEMO_MODEL

_FILLING = "bench._growth.filled_serve"
_DAYS = 30

_KEYS = """
INSERT INTO keys WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
SELECT 'grown' || i, lower(hex(randomblob(32))), 'key ' || i, 0, NULL, NULL, NULL, '[]', '[]',
    '2026-01-01T00:00:00+00:00', NULL FROM n
"""
_ATTEMPTS = """
INSERT INTO attempts ({columns})
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
SELECT {values} FROM n
"""


@dataclass(frozen=True, slots=True)
class Grown:
    """A gateway that serves, the key of its caller, and the seconds that its start took."""

    server: Server
    key: str
    start_seconds: float

    @property
    def address(self) -> Address:
        """Where it serves."""
        return self.server.addresses["gateway"]


@asynccontextmanager
async def open_grown(size: Size, upstream: Address, folder: Path) -> AsyncIterator[Grown]:
    """Run `omen serve` with everything of this size, while the block lasts.

    **Raises.** `BenchError` when it does not start.
    """
    await trio.Path(folder).mkdir()
    await trio.Path(folder / "omen.toml").write_text(_configuration(size, upstream))
    key = await create_key(folder)
    await trio.to_thread.run_sync(_fill, folder / "omen.db", size)
    began = time.monotonic()
    through = (_FILLING, str(size.sessions)) if size.sessions else ()
    async with open_replica(folder, through=through) as server:
        yield Grown(server, key, time.monotonic() - began)


def _configuration(size: Size, upstream: Address) -> str:
    models = ", ".join(f'"{model}"' for model in [*other_models(size.models), DEMO_MODEL])
    return (
        '[server]\nbind = "127.0.0.1"\n\n'
        f'[providers.{PROVIDER}]\nkind = "openai"\napi_key = "sk-bench"\n'
        f'base_url = "{upstream.url}/v1"\nmodels = [{models}]\n'
    )


def _fill(database: Path, size: Size) -> None:
    """Write the rows as SQL: a million of them through the ledger would take minutes."""
    with closing(sqlite3.connect(database)) as connection, connection:
        if size.keys > 1:
            connection.execute(_KEYS, (size.keys - 1,))
        if size.rows > 1:
            for table, columns in (("attempts", _attempt()), ("requests", _request())):
                sql = _ATTEMPTS.replace("attempts", table).format(
                    columns=", ".join(columns), values=", ".join(columns.values())
                )
                connection.execute(sql, {"rows": size.rows // 2, "now": time.time()})


_AT = f":now - 86400.0 * {_DAYS} * (i % 9973) / 9973"
"""Moments of the last thirty days, the rows of a day not next to one another."""


def _attempt() -> dict[str, str]:
    return {
        "id": "'race' || i || ':0'",
        "race_id": "'race' || i",
        "request_id": "'req' || i",
        "accepted_unix": _AT,
        "day": f"date({_AT}, 'unixepoch')",
        "key_id": "'grown' || (i % 100)",
        "strategy": "'single'",
        "attempt": "0",
        "role": "'first'",
        "provider": f"'{PROVIDER}'",
        "kind": "'openai'",
        "model": f"'{DEMO_MODEL}'",
        "domain": f"'{PROVIDER}'",
        "outcome": "'won'",
        "started": "0.0",
        "first_token": "0.2",
        "committed": "0.25",
        "useful": "20",
        "ended": "1.5",
        "tokens": "80",
        "prompt_tokens": "200",
        "completion_tokens": "80",
        "cost_usd": "'0.0001'",
        "provenance": "'exact'",
        "from_cache": "0",
    }


def _request() -> dict[str, str]:
    return {
        "id": "'race' || i",
        "race_id": "'race' || i",
        "request_id": "'req' || i",
        "accepted_unix": _AT,
        "ended_unix": f"{_AT} + 1.5",
        "door": "'chat'",
        "key_id": "'grown' || (i % 100)",
        "model": f"'{DEMO_MODEL}'",
        "strategy": "'single'",
        "status": "200",
        "result": "'answered'",
        "attempts": "1",
        "winner": "0",
    }
