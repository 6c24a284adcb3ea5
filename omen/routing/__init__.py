"""Routing: which candidates exist, which of them may answer a request, and the resulting plan."""

from omen.routing.decide.assessment import Assessor
from omen.routing.decide.deadline import Odds, choose_plan
from omen.routing.decide.hedging import HedgeBudget, HedgeDelay
from omen.routing.decide.names import AUTO
from omen.routing.decide.preference import Preferences
from omen.routing.decide.ranking import Maker, RequestContext
from omen.routing.decide.router import PlanDefaults, Router
from omen.routing.decide.score import Score, Scores
from omen.routing.models.cards import Cards
from omen.routing.models.catalog import Catalog, CatalogProvider
from omen.routing.observe.breaker import hint_of
from omen.routing.observe.concurrency import ConcurrencyLimits, SlotRules, Slots
from omen.routing.observe.endpoint import EndpointHealth
from omen.routing.observe.first_tokens import FirstTokens
from omen.routing.observe.health import Health
from omen.routing.observe.outcomes import Outcomes
from omen.routing.observe.survival import Survival, estimate

__all__ = [
    "AUTO",
    "Assessor",
    "Cards",
    "Catalog",
    "CatalogProvider",
    "ConcurrencyLimits",
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
    "RequestContext",
    "Router",
    "Score",
    "Scores",
    "SlotRules",
    "Slots",
    "Survival",
    "choose_plan",
    "estimate",
    "hint_of",
]
