"""The gateway with its upstreams and stores, and what happens to them during a run."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import trio

from bench._processes import Address, open_simulators
from bench.attack._arena import Arena, Gateway
from bench.attack._children import backend
from bench.attack._http import get
from omen.sim import DEFAULT_FLEET, DEMO_MODEL
from omen.sim.fault_kinds import FAULTS
from tests.servers import PostgresServer, RedisServer, running_postgres, running_redis

STEADY_SECONDS = 0.02
"""How long the upstream without faults takes: what is more is the gateway's overhead."""
IDLE_SECONDS = 3.0
"""After this time the gateway closes connections of clients."""
_AWAY_SECONDS = 2.0
_START_SECONDS = 30.0
PROFILE = ",".join(
    ["first_token=0.03:0.4", "gap=0.002", "tokens=10-40", *(f"{kind}=0.01" for kind in FAULTS)]
)
_PATHS = {"openai": "/v1", "anthropic": "", "ollama": ""}


@dataclass(slots=True)
class Site:
    """Everything of a run."""

    gateway: Gateway
    redis: RedisServer
    postgres: PostgresServer
    steady: Address
    """The upstream whose answers always take the same time."""
    _write: Callable[[int], None]
    events: list[str] = field(default_factory=list)

    def reload(self, number: int) -> None:
        """Change the configuration and have the gateway read it again."""
        self._write(number)
        self.gateway.signal(signal.SIGHUP)
        self.events.append("reload")

    async def restart_redis(self) -> None:
        """Stop Redis with all it holds; start it again after a while."""
        await self._restart("Redis", self.redis)

    async def restart_postgres(self) -> None:
        """Stop PostgreSQL; start it again after a while."""
        await self._restart("PostgreSQL", self.postgres)

    async def _restart(self, name: str, store: RedisServer | PostgresServer) -> None:
        await trio.to_thread.run_sync(store.stop)
        try:
            await trio.sleep(_AWAY_SECONDS)
        finally:
            # Also when the run ends now: what it has booked is read from the store afterwards.
            with trio.move_on_after(_START_SECONDS, shield=True):
                await trio.to_thread.run_sync(store.start)
        self.events.append(f"{name} restart")

    async def status(self) -> Mapping[str, Any]:
        """Return the gateway's `/status`."""
        status = (await get(self.gateway.address, "/status")).json
        assert isinstance(status, dict)
        return status

    def booked(self) -> tuple[int, set[str]]:
        """Return the number of rows in the ledger, and their races. It blocks."""
        with psycopg.connect(self.postgres.url) as connection:
            races = connection.execute("SELECT race_id FROM attempts").fetchall()
        return len(races), {race for (race,) in races}


@asynccontextmanager
async def open_site(folder: Path, seed: int) -> AsyncIterator[Site]:
    """Run everything for as long as the block lasts."""
    with running_redis() as redis, running_postgres() as postgres:
        async with (
            open_simulators(seed, PROFILE, folder) as simulators,
            backend(STEADY_SECONDS) as steady,
            trio.open_nursery() as nursery,
        ):
            urls = {name: address.url for name, address in simulators.addresses.items()}
            home = folder / "gateway"
            home.mkdir()

            def write(number: int) -> None:
                text = _configuration(urls, steady, redis.url, postgres.url, number)
                (home / "omen.toml").write_text(text, encoding="utf-8")

            write(0)
            arena = Arena(folder, nursery)
            config = (home / "omen.toml").read_text(encoding="utf-8")
            async with arena.gateway(config, folder=home) as gateway:
                port = int(steady.removesuffix("/v1").rpartition(":")[2])
                yield Site(gateway, redis, postgres, Address("127.0.0.1", port), write)
            nursery.cancel_scope.cancel()


def _configuration(
    urls: dict[str, str], steady: str, redis: str, postgres: str, number: int
) -> str:
    """Return the configuration; every `number` has other limits, prices and preferences."""
    sections = [
        f"[server]\nport = 0\nidle_timeout_seconds = {IDLE_SECONDS}\n",
        f"[race]\nmax_extra_load = {0.05 + 0.01 * (number % 5)}\n",
        f'[cache]\nenabled = true\nttl_seconds = 60\nredis_url = "{redis}"\n',
        f'[ledger]\nurl = "{postgres}"\n',
        "[health]\ninterval_seconds = 1.0\n",
        f'[providers.steady]\nkind = "openai_compatible"\nbase_url = "{steady}"\n'
        'models = ["steady"]\n',
    ]
    for upstream in DEFAULT_FLEET:
        url = urls[upstream.name] + _PATHS[upstream.kind]
        where = f'endpoints = ["{url}"]' if upstream.kind == "ollama" else f'base_url = "{url}"'
        sections.append(
            f'[providers.{upstream.name}]\nkind = "{upstream.kind}"\n{where}\n'
            f'models = ["{DEMO_MODEL}"]\nfirst_token_timeout_seconds = 1.0\n'
            f"stall_timeout_seconds = 1.0\nworking_timeout_seconds = 2.0\n"
            f"max_concurrency = {200 + number % 7}\n"
            f'[providers.{upstream.name}.prices."{DEMO_MODEL}"]\n'
            f"input = {1 + number % 3}.0\noutput = {2 + number % 3}.0\n"
        )
    return "\n".join(sections)
