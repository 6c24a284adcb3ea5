"""Routing: who exists, who may, and the plan that follows."""

from omen.routing.catalog import Catalog, CatalogProvider
from omen.routing.router import PlanDefaults, Router

__all__ = ["Catalog", "CatalogProvider", "PlanDefaults", "Router"]
