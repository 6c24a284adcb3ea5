"""Deprecated: import `omen.core.plan`. This module stays for strategies of other packages.

It is the place that the contract of a strategy had until 2026-11-30.
"""

from __future__ import annotations

import warnings

from omen.core.plan import (
    Attempt,
    Expectation,
    Merge,
    OpenAttempt,
    Output,
    Plan,
    Rewrite,
    Role,
    Strategy,
)
from omen.core.records import AttemptRecord, Outcome, RaceRecord

__all__ = [
    "Attempt",
    "AttemptRecord",
    "Expectation",
    "Merge",
    "OpenAttempt",
    "Outcome",
    "Output",
    "Plan",
    "RaceRecord",
    "Rewrite",
    "Role",
    "Strategy",
]

warnings.warn("import omen.core.plan instead of omen.plan", DeprecationWarning, stacklevel=2)
