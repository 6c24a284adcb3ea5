"""Loads the installed strategies, OMEN's own and those of other packages, from entry points."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from omen.core.plan import Strategy

logger = logging.getLogger(__name__)

STRATEGY_GROUP = "omen.strategies"
_warned: set[str] = set()
"""Entry points that have been warned about. Commands load strategies more than once."""


def load_strategies() -> Mapping[str, Strategy]:
    """Return all installed strategies by name.

    A strategy that cannot be loaded is left out with a warning: one broken package must not stop a
    gateway that does not use it.
    """
    loaded = {point.name: _load(point) for point in entry_points(group=STRATEGY_GROUP)}
    return {name: strategy for name, strategy in loaded.items() if strategy is not None}


def _load(point: EntryPoint) -> Strategy | None:
    try:
        strategy: Any = point.load()
    except Exception as error:  # noqa: BLE001 - importing another package may raise anything
        _warn(point, type(error).__name__)
        return None
    if not callable(strategy):
        _warn(point, "it cannot be called")
        return None
    return cast(Strategy, strategy)


def _warn(point: EntryPoint, reason: str) -> None:
    if point.value not in _warned:
        _warned.add(point.value)
        logger.warning("strategy %s (%s) is left out: %s", point.name, point.value, reason)
