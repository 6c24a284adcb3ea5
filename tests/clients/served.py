"""The gateway for further clients: an alias of three vendors, raced for every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omen.config import Settings
from omen.config.settings import RaceSettings, RoutingSettings
from tests.e2e.served import Served, open_served
from tests.world import upstream

MODEL = "team"
FLEET = (
    upstream("steady", "openai", first_token=0.05, gap=0.002, tokens=12),
    upstream("other", "anthropic", first_token=0.05, gap=0.002, tokens=12),
    upstream("local", "ollama", first_token=0.05, gap=0.002, tokens=12),
)


@asynccontextmanager
async def open_team(patience: float) -> AsyncIterator[Served]:
    """Serve the alias."""
    aliases = {MODEL: tuple(f"{up.name}/m" for up in FLEET)}
    settings = Settings(routing=RoutingSettings(aliases=aliases))
    race = RaceSettings(strategy="race", k=3)
    async with open_served(*FLEET, settings=settings, race=race, patience=patience) as served:
        yield served
