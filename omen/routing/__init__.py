"""Routing: who exists, who may, and the plan that follows."""

from omen.routing._survival import Survival, estimate
from omen.routing.cards import Cards
from omen.routing.catalog import Catalog, CatalogProvider
from omen.routing.health import EndpointHealth, Health
from omen.routing.hedging import HedgeBudget, HedgeDelay, hedge_delays
from omen.routing.latency import FirstTokens
from omen.routing.router import PlanDefaults, Router
from omen.routing.slots import Slots

__all__ = [
    "Cards",
    "Catalog",
    "CatalogProvider",
    "EndpointHealth",
    "FirstTokens",
    "Health",
    "HedgeBudget",
    "HedgeDelay",
    "PlanDefaults",
    "Router",
    "Slots",
    "Survival",
    "estimate",
    "hedge_delays",
]
