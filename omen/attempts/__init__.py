"""Attempts: one upstream stream each, with its time and its record."""

from omen.attempts._open import Attempts
from omen.attempts._running import RunningAttempt

__all__ = ["Attempts", "RunningAttempt"]
