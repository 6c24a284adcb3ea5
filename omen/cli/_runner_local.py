"""Races inside this process: a gateway without a server, on `omen.toml` or on simulated providers.

With a configuration the attempts are booked as those of `omen serve` are, in the same database, and
its budgets apply. So this command and a gateway that serves may run side by side.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio
from pydantic_core import to_json

from omen.cli._demo import with_prices, with_simulated
from omen.cli._screen import Screen
from omen.config import Loaded, Settings, load_settings
from omen.core.errors import OmenError
from omen.core.events import ChoiceSwitch, Event, RefusalDelta, Restart, TextDelta
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.front.http.race_report import explain
from omen.front.openai.parse import parse_chat
from omen.front.operations.providers import describe_providers
from omen.gateway import Books, Gateway, find_unusable_file, make_books, open_gateway
from omen.ledger.database import DatabaseTooNewError, shown_url
from omen.race.installed import load_strategies
from omen.sim import DEFAULT_FLEET, DEMO_MODEL, open_fleet
from omen.telemetry import tell


class LocalRunner:
    """A gateway in this process. `watch` observes its attempts."""

    def __init__(self, default_model: str) -> None:
        self.default_model = default_model
        self.gateway: Gateway
        self._screen: Screen | None = None

    def watch(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Show a moment of the race that runs."""
        # `useful` is for statistics; a lane shows the commit.
        if moment != "useful" and self._screen is not None:
            self._screen.show(tell(moment, race, attempt).as_json())

    async def race(self, body: Mapping[str, Any], screen: Screen) -> Mapping[str, Any]:
        """Run one race; see `Runner`."""
        chat = parse_chat(to_json(body), {})
        race = self.gateway.plan(chat.model, chat.hints, trio.current_time(), request=chat.request)
        self._screen = screen
        try:
            await self.gateway.run(race, chat.request, _Shown(screen))
        finally:
            self._screen = None
        return explain(race)

    async def providers(self) -> list[dict[str, Any]]:
        """Return every provider; see `Runner`."""
        providers: list[dict[str, Any]] = describe_providers(self.gateway, local=True)["providers"]
        return providers


@asynccontextmanager
async def open_local(config: Path | None, cwd: Path) -> AsyncIterator[LocalRunner]:
    """Yield a runner over the configured providers; over simulated ones if there are none.

    **Raises.** `ConfigError`; `OmenError` if the ledger's database cannot be used.
    """
    loaded = load_settings(config, dict(os.environ), cwd=cwd, strategies=load_strategies())
    async with AsyncExitStack() as stack:
        settings, books, runner = loaded.settings, None, LocalRunner("auto")
        if settings.providers or loaded.declared:
            books = await _books(loaded)
        else:
            settings, runner = await _simulated(stack, settings), LocalRunner(DEMO_MODEL)
        opened = open_gateway(settings, observers=[runner.watch], books=books)
        runner.gateway = await stack.enter_async_context(opened)
        if books is not None:
            await runner.gateway.prepare()
            background = await stack.enter_async_context(trio.open_nursery())
            # Cancelled first of all: it then writes the rows of the last race.
            stack.callback(background.cancel_scope.cancel)
            background.start_soon(runner.gateway.keep_up)
        yield runner


async def _simulated(stack: AsyncExitStack, settings: Settings) -> Settings:
    seed = secrets.randbelow(2**31)  # a different race at every run
    fleet = [replace(upstream, seed=seed) for upstream in DEFAULT_FLEET]
    return with_prices(with_simulated(settings, await stack.enter_async_context(open_fleet(fleet))))


async def _books(loaded: Loaded) -> Books:
    """Return the books of the configuration. **Raises.** `OmenError`."""
    if reason := find_unusable_file(loaded.settings.ledger, loaded.folder):
        raise OmenError(reason)
    books = make_books(loaded.settings.ledger, loaded.folder)
    try:
        await books.check()
    except DatabaseTooNewError as error:
        raise OmenError(f"{shown_url(books.url)}: {error}") from error
    return books


class _Shown:
    """An output of a race that is a screen. Of several choices it shows the first."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._choice = 0

    async def send(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case ChoiceSwitch(index=index):
                    self._choice = index
                case TextDelta(text=text) | RefusalDelta(text=text) if self._choice == 0:
                    self._screen.add(text)
                case Restart():
                    self._screen.restart()
        # A fast upstream must not keep Ctrl-C waiting until its answer is complete.
        await trio.lowlevel.checkpoint()
