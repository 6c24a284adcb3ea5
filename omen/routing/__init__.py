"""Routing: who exists, who may, and the plan that follows."""

from omen.routing._survival import Survival, estimate
from omen.routing.cards import Cards
from omen.routing.catalog import Catalog, CatalogProvider
from omen.routing.choice import Odds, choose
from omen.routing.health import EndpointHealth, Health
from omen.routing.hedging import HedgeBudget, HedgeDelay
from omen.routing.latency import FirstTokens
from omen.routing.lineup import Asked, Maker
from omen.routing.names import AUTO
from omen.routing.outcomes import Outcomes
from omen.routing.preference import Preferences
from omen.routing.router import PlanDefaults, Router
from omen.routing.score import Score
from omen.routing.scoring import Scores
from omen.routing.slots import Slots

__all__ = [
    "AUTO",
    "Asked",
    "Cards",
    "Catalog",
    "CatalogProvider",
    "EndpointHealth",
    "FirstTokens",
    "Health",
    "HedgeBudget",
    "HedgeDelay",
    "Maker",
    "Odds",
    "Outcomes",
    "PlanDefaults",
    "Preferences",
    "Router",
    "Score",
    "Scores",
    "Slots",
    "Survival",
    "choose",
    "estimate",
]
