"""The levels of pressure: what the gateway gives up, in this order, when it is short of time."""

from __future__ import annotations

from enum import IntEnum


class Pressure(IntEnum):
    """How short the gateway is of processor time."""

    NORMAL = 0
    NO_HEDGES = 1
    """No hedge and no retry starts, and a race has at most two entrants."""
    SINGLE = 2
    """Every request runs as `single`."""
    REFUSING = 3
    """Requests are refused, newest last."""
