"""The state that replicas share: budgets, rate limits, stickiness, cached answers, statistics."""

from omen.state._budget import Budget
from omen.state._patience import Patience
from omen.state._remote import Connect, Remote
from omen.state.memory import MemoryStore
from omen.state.opening import open_state
from omen.state.shared import SharedStore
from omen.state.store import (
    MILLIONTHS,
    MOST_SPENT,
    BucketReport,
    Cap,
    Counted,
    Hold,
    Known,
    Money,
    Store,
    StoreAwayError,
    Window,
    WindowState,
)

__all__ = [
    "MILLIONTHS",
    "MOST_SPENT",
    "BucketReport",
    "Budget",
    "Cap",
    "Connect",
    "Counted",
    "Hold",
    "Known",
    "MemoryStore",
    "Money",
    "Patience",
    "Remote",
    "SharedStore",
    "Store",
    "StoreAwayError",
    "Window",
    "WindowState",
    "open_state",
]
