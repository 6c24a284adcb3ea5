"""The success rate of each candidate's attempts over the last ten minutes.

A complete attempt is a success; an attempt whose upstream failed is a failure. A lost race, a
client that left, a deadline of OMEN's own and an invalid request say nothing about an upstream, so
they do not count. Embeddings and token counts say nothing about chats, so they do not count either.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import trio

from omen.core.errors import FailureKind
from omen.core.records import NO_CHAT, AttemptRecord, Moment, RaceRecord
from omen.routing.observe.breaker import CLIENT_FAULTS

WINDOW_SECONDS = 600.0
SLICE_SECONDS = 20.0
MAX_WINDOWS = 400
"""The number of (provider, model) pairs that are remembered: those with the latest attempts."""
_NEUTRAL = CLIENT_FAULTS | {FailureKind.UNSUPPORTED, FailureKind.INTERNAL, FailureKind.REJECTED}
"""Kinds of failure that are not the upstream's fault, or, as a rejection, one caller's view."""


@dataclass(slots=True)
class _Slice:
    since: float
    good: int = 0
    bad: int = 0


@dataclass(slots=True)
class _Window:
    slices: deque[_Slice] = field(default_factory=deque)

    def count(self, now: float, *, good: bool) -> None:
        self.forget(now)
        if not self.slices or now - self.slices[-1].since >= SLICE_SECONDS:
            self.slices.append(_Slice(now))
        last = self.slices[-1]
        last.good, last.bad = last.good + good, last.bad + (not good)

    def forget(self, now: float) -> None:
        while self.slices and now - self.slices[0].since > WINDOW_SECONDS:
            self.slices.popleft()

    def is_expired(self, now: float) -> bool:
        """Return whether its last attempt is too old to count. `counts` may have emptied it."""
        return not self.slices or now - self.slices[-1].since > WINDOW_SECONDS

    def counts(self, now: float) -> tuple[int, int]:
        self.forget(now)
        return sum(part.good for part in self.slices), sum(part.bad for part in self.slices)


class Outcomes:
    """An observer that counts successes and failures by (provider, model)."""

    moments = frozenset({"ended"})

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Outcomes of {len(self._windows)} models>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Count an attempt when it ends."""
        good = _judge(attempt) if moment == "ended" else None
        if good is None:
            return
        key = attempt.candidate.provider, attempt.candidate.model
        window = self._windows.setdefault(key, _Window())
        self._windows.move_to_end(key)
        now = trio.current_time()
        window.count(now, good=good)
        self._expire(now)
        if len(self._windows) > MAX_WINDOWS:
            # Callers may name any model they like, so the number of windows has a limit.
            self._windows.popitem(last=False)

    def _expire(self, now: float) -> None:
        """Drop the windows whose last attempt is too old to count. The oldest are in front."""
        while next(iter(self._windows.values())).is_expired(now):
            self._windows.popitem(last=False)

    def reliability(self, provider: str, model: str | None = None) -> float:
        """Return the success rate in percent, with Laplace smoothing: 50 without any sample.

        Without a `model` it is the rate over all models of the provider.
        """
        now, good, bad = trio.current_time(), 0, 0
        for (window_provider, window_model), window in self._windows.items():
            if window_provider == provider and model in (None, window_model):
                more_good, more_bad = window.counts(now)
                good, bad = good + more_good, bad + more_bad
        return 100.0 * (good + 1) / (good + bad + 2)


def _judge(attempt: AttemptRecord) -> bool | None:
    """Return whether an ended attempt succeeded; None if it does not count."""
    if attempt.role in NO_CHAT:
        return None
    if attempt.failure is not None:
        return None if attempt.failure.kind in _NEUTRAL else False
    return True if attempt.complete else None
