"""What goes on beside requests: probes, the books, what replicas tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import httpx
import trio

from omen.accounts.budget import MonthlyBudgets
from omen.config import HealthSettings
from omen.core.cards import ModelCard
from omen.core.errors import UpstreamFailure
from omen.gateway._books import Books
from omen.gateway._retention import keep_days
from omen.gateway._sockets import keep_spares
from omen.gateway._spending import SpendingOfBooks
from omen.providers import load_kinds
from omen.routing import Catalog, CatalogProvider, Health
from omen.routing.decide.hedge_leases import HedgeLeases
from omen.routing.observe.probes import Target, keep_probing
from omen.routing.observe.replicas import ReplicaExchange
from omen.state import StoreAwayError

LOOK_SECONDS = 2.0
CLOSE_SECONDS = 5.0
"""How long letting go of the books may take, at the end."""


class Upkeep:
    """The tasks that a gateway has beside those of its requests."""

    def __init__(
        self,
        catalog: Catalog,
        transport: httpx.AsyncBaseTransport,
        health: Health,
        settings: HealthSettings,
        *,
        months: MonthlyBudgets,
        exchange: ReplicaExchange,
        leases: HedgeLeases | None,
        books: Books | None,
        spending: SpendingOfBooks | None,
    ) -> None:
        self._catalog = catalog
        self._transport = transport
        self._health = health
        self._settings = settings
        self._months = months
        self._exchange = exchange
        self._leases = leases
        self._books = books
        self._spending = spending
        self._providers_changed = trio.Event()

    async def run(self) -> None:
        """Do all of it, until cancelled; then write the books' last rows."""
        try:
            async with trio.open_nursery() as nursery:
                if self._books is not None:
                    nursery.start_soon(self._books.ledger.run)
                    if self._books.keep_days:
                        nursery.start_soon(keep_days, self._books.filling, self._books.keep_days)
                if self._spending is not None:
                    nursery.start_soon(self._spending.run)
                nursery.start_soon(self.keep_probing)
                nursery.start_soon(keep_spares, self._transport)
                nursery.start_soon(self._exchange.run)
                if self._leases is not None:
                    nursery.start_soon(self._leases.run)
                nursery.start_soon(self._look_at_budgets)
        finally:
            if self._books is not None:
                limit = trio.current_time() + CLOSE_SECONDS
                with trio.CancelScope(shield=True, deadline=limit):
                    await self._books.aclose()

    async def keep_probing(self) -> None:
        """Look at every endpoint now and then, until cancelled; returns at once if switched off."""
        while self._settings.probe:
            self._providers_changed = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._probe)
                await self._providers_changed.wait()
                nursery.cancel_scope.cancel()

    def probe_anew(self) -> None:
        """Look at the endpoints that there are now."""
        self._providers_changed.set()

    async def _probe(self) -> None:
        kinds = load_kinds()
        targets = [
            Target(p.name, kinds[p.kind], endpoint, p.quirks, _discovers(p), p.models)
            for p in self._catalog
            for endpoint in p.endpoints
        ]
        await keep_probing(
            self._transport,
            targets,
            self,
            interval=self._settings.interval_seconds,
            within=self._settings.timeout_seconds,
        )

    def probed(self, target: Target, failure: UpstreamFailure | None, seconds: float) -> None:
        """Hear from a probe."""
        self._health.probed(target.provider, target.endpoint.base_url, failure, seconds)

    def wants_probe(self, target: Target) -> bool:
        """Return whether a probe may soon show that the target is back."""
        return self._health.wants_probe(target.provider, target.endpoint.base_url)

    def found(self, target: Target, models: Mapping[str, ModelCard]) -> None:
        """Hear which models an endpoint has."""
        if target.provider in self._catalog:
            self._catalog[target.provider].discover(target.endpoint.base_url, models)

    async def restore_spending(self) -> None:
        """Tell the budgets what the ledger says this month has cost, if that can be read soon."""
        if self._spending is not None:
            await self._spending.prepare()

    async def _look_at_budgets(self) -> None:
        """Find out now and then what was spent, here and elsewhere."""
        while True:
            with suppress(StoreAwayError):
                await self._months.look(self._catalog.names)
            await trio.sleep(LOOK_SECONDS)


def _discovers(provider: CatalogProvider) -> bool:
    """Whether a provider's own list tells more than the configuration does.

    Where models are described one by one it does: it leads to what a model can do, and one endpoint
    may lack what another has.
    """
    listing = load_kinds()[provider.kind].listing
    return not provider.models or (listing is not None and listing.details is not None)
