"""Runs races again over given latencies, in virtual time, with the real engine and strategies.

Only the wire is replaced. The result is what a policy would have done with recorded attempts, or
with invented ones. No provider is called.
"""

from omen.replay._attempts import GivenAttempts, Latencies
from omen.replay._compare import QUANTILES, Comparison, compare, nearest_rank
from omen.replay._intervals import Interval
from omen.replay._policy import FORMS, Policy
from omen.replay._recorded import Recording
from omen.replay._run import HistogramLearning, Learning, Outcome, Play, RecordedRequest, replay

__all__ = [
    "FORMS",
    "QUANTILES",
    "Comparison",
    "GivenAttempts",
    "HistogramLearning",
    "Interval",
    "Latencies",
    "Learning",
    "Outcome",
    "Play",
    "Policy",
    "RecordedRequest",
    "Recording",
    "compare",
    "nearest_rank",
    "replay",
]
