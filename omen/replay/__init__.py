"""Races run again over given latencies, in virtual time, by the real engine and strategies.

Only the wire is left out. It answers what a policy would have done, to recorded attempts or to
made-up ones, without asking anybody.
"""

from omen.replay._attempts import GivenAttempts, Latencies
from omen.replay._policy import Policy
from omen.replay._run import Asked, Learning, Learnt, Outcome, Play, replay

__all__ = [
    "Asked",
    "GivenAttempts",
    "Latencies",
    "Learning",
    "Learnt",
    "Outcome",
    "Play",
    "Policy",
    "replay",
]
