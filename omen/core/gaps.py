"""The gaps between the tokens of one attempt, counted in buckets while it runs.

A list of every gap would grow with the answer. These few numbers do not, and they add up to those
of many attempts.
"""

from __future__ import annotations

from bisect import bisect_left

GAP_BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the buckets, in seconds. A last bucket holds what is longer."""


class TokenGaps:
    """Counts of gaps by length. Tokens that arrive together have one moment."""

    __slots__ = ("_last", "counts", "total")

    def __init__(self, first: float) -> None:
        """Begin with the moment of the first token."""
        self.counts = [0] * (len(GAP_BOUNDS) + 1)
        self.total = 0.0
        """The sum of the gaps, in seconds."""
        self._last = first

    def take(self, now: float) -> None:
        """Count the gap from the last token to one that arrives now."""
        gap = now - self._last
        self.counts[bisect_left(GAP_BOUNDS, gap)] += 1
        self.total += gap
        self._last = now
