"""Attempts: each owns one upstream stream, its timeouts and its record."""

from omen.race.attempts._believed import believed_usage
from omen.race.attempts._open import Attempts, Threshold
from omen.race.attempts._quota import AnswerLimits
from omen.race.attempts._registry import AttemptRegistry
from omen.race.attempts._running import RunningAttempt
from omen.race.attempts._state import State, state_of

__all__ = [
    "AnswerLimits",
    "AttemptRegistry",
    "Attempts",
    "RunningAttempt",
    "State",
    "Threshold",
    "believed_usage",
    "state_of",
]
