"""Races run again over given latencies, in virtual time, by the real engine and strategies.

Only the wire is left out. It answers what a policy would have done, to recorded attempts or to
made-up ones, without asking anybody.
"""

from omen.replay._attempts import GivenAttempts, Latencies
from omen.replay._compare import QUANTILES, Comparison, compare, nearest_rank
from omen.replay._policy import FORMS, Policy
from omen.replay._recorded import Recording
from omen.replay._run import Asked, Learning, Learnt, Outcome, Play, replay

__all__ = [
    "FORMS",
    "QUANTILES",
    "Asked",
    "Comparison",
    "GivenAttempts",
    "Latencies",
    "Learning",
    "Learnt",
    "Outcome",
    "Play",
    "Policy",
    "Recording",
    "compare",
    "nearest_rank",
    "replay",
]
