"""Attempts: one upstream stream each, with its time and its record."""

from omen.race.attempts._log import AttemptLog
from omen.race.attempts._open import Attempts, Threshold
from omen.race.attempts._running import RunningAttempt
from omen.race.attempts._state import State, state_of

__all__ = ["AttemptLog", "Attempts", "RunningAttempt", "State", "Threshold", "state_of"]
