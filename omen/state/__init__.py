"""The state that replicas share: budgets, rate limits, stickiness, cached answers, statistics."""

from omen.state.memory import MemoryStore
from omen.state.opening import open_state
from omen.state.shared import SharedStore
from omen.state.store import (
    Cap,
    Counted,
    Hold,
    Money,
    Store,
    StoreAwayError,
    Window,
    WindowState,
)

__all__ = [
    "Cap",
    "Counted",
    "Hold",
    "MemoryStore",
    "Money",
    "SharedStore",
    "Store",
    "StoreAwayError",
    "Window",
    "WindowState",
    "open_state",
]
