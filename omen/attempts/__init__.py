"""Attempts: one upstream stream each, with its time and its record."""

from omen.attempts._log import AttemptLog
from omen.attempts._open import Attempts, Threshold
from omen.attempts._running import RunningAttempt
from omen.attempts._state import State, state_of

__all__ = ["AttemptLog", "Attempts", "RunningAttempt", "State", "Threshold", "state_of"]
