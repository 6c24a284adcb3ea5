"""How long each candidate takes to its first useful token, learnt from its attempts.

For every (provider, model) there is a window of recent samples: HdrHistograms of what was observed,
and of what is only known to be longer (`_survival.py`). The window is a ring of slices. A slice
is full when it has enough samples *and* has lasted for a while, so that a busy model is judged by
its last minutes and a quiet one by its last hour, and neither by what it was yesterday.

What is a sample: the time from an attempt's start to its commit, if it became useful. One that was
cut off before (it lost, its client left, a deadline passed) or that ran out of patience was longer
than its age. What failed otherwise says nothing: a refusal is quick.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import trio
from hdrh.histogram import HdrHistogram

from omen.candidates import Candidate
from omen.errors import FailureKind
from omen.plan import AttemptRecord, Moment, RaceRecord
from omen.routing._survival import Survival, estimate

SLICES = 12
SLICE_SAMPLES = 100
SLICE_SECONDS = 15.0
SLICE_LONGEST_SECONDS = 300.0
MOST_WINDOWS = 200
"""Of (provider, model) pairs that are remembered, the latest ones."""
STALE_SECONDS = 1.0
"""How old an estimate may be that is given again."""
_LONGEST = 3600.0
_DIGITS = 2
_MICROSECONDS = 1_000_000

_Key = tuple[str, str]


def _new() -> HdrHistogram:
    return HdrHistogram(1, int(_LONGEST * _MICROSECONDS), _DIGITS)


_SHAPE = _new()
_EDGES = tuple(
    _SHAPE.get_highest_equivalent_value(_SHAPE.get_value_from_index(index)) / _MICROSECONDS
    for index in range(_SHAPE.counts_len)
)
"""Up to which time, in seconds, each counter of a histogram counts."""


@dataclass(slots=True)
class _Slice:
    since: float
    observed: HdrHistogram = field(default_factory=_new)
    censored: HdrHistogram = field(default_factory=_new)

    def is_full(self, now: float) -> bool:
        samples = self.observed.get_total_count() + self.censored.get_total_count()
        age = now - self.since
        return (age >= SLICE_SECONDS and samples >= SLICE_SAMPLES) or age >= SLICE_LONGEST_SECONDS


class Window:
    """The recent samples of one candidate. Times are on trio's clock, durations seconds."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque(maxlen=SLICES)
        self._known: tuple[float, Survival] | None = None

    def record(self, seconds: float, *, observed: bool, now: float) -> None:
        """Take a sample: how long it took, or how long it had not come for."""
        self._rotate(now)
        last = self._slices[-1]
        histogram = last.observed if observed else last.censored
        # What is out of range is dropped without a word, so bring it into range.
        histogram.record_value(max(1, round(min(seconds, _LONGEST) * _MICROSECONDS)))

    def survival(self, now: float) -> Survival:
        """Estimate; the same answer is given again for a second."""
        if self._known is None or now - self._known[0] >= STALE_SECONDS:
            self._known = now, pooled([self], now)
        return self._known[1]

    def _rotate(self, now: float) -> None:
        if not self._slices or self._slices[-1].is_full(now):
            self._slices.append(_Slice(now))
        while now - self._slices[0].since > SLICES * SLICE_LONGEST_SECONDS:
            self._slices.popleft()

    def add_to(self, observed: HdrHistogram, censored: HdrHistogram, now: float) -> None:
        """Add what is in the window to two histograms."""
        if self._slices:
            self._rotate(now)
        for one in self._slices:
            for total, part in ((observed, one.observed), (censored, one.censored)):
                if part.get_total_count():
                    total.add(part)


def pooled(windows: Iterable[Window], now: float) -> Survival:
    """Estimate from all samples of several windows."""
    observed, censored = _new(), _new()
    for window in windows:
        window.add_to(observed, censored, now)
    return estimate(_EDGES, observed.counts[:], censored.counts[:])


class FirstTokens:
    """An observer that keeps a window for every (provider, model)."""

    def __init__(self) -> None:
        self._windows: OrderedDict[_Key, Window] = OrderedDict()

    def __repr__(self) -> str:
        return f"<FirstTokens of {len(self._windows)} models>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe an attempt."""
        sample = _sample(moment, race, attempt)
        if sample is not None:
            seconds, observed = sample
            candidate = attempt.candidate
            key = candidate.provider, candidate.model
            window = self._windows.setdefault(key, Window())
            self._windows.move_to_end(key)
            window.record(seconds, observed=observed, now=trio.current_time())
            if len(self._windows) > MOST_WINDOWS:
                # Callers may name any model they like.
                self._windows.popitem(last=False)

    def survival_of_provider(self, provider: str) -> Survival:
        """Estimate over everything a provider was asked for, of whichever model."""
        now = trio.current_time()
        windows = [window for (name, _), window in self._windows.items() if name == provider]
        return windows[0].survival(now) if len(windows) == 1 else pooled(windows, now)

    def survival(self, candidate: Candidate) -> Survival:
        """Estimate how long this candidate takes; of one never seen, from no samples."""
        window = self._windows.get((candidate.provider, candidate.model))
        return _NEVER_SEEN if window is None else window.survival(trio.current_time())


_NEVER_SEEN = Survival((), (), 0)


def _sample(moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> tuple[float, bool] | None:
    """Say what this moment tells: how long it took, or for how long it had not come."""
    if attempt.role == "judge":
        return None  # another question, and a longer one
    if moment == "committed" and attempt.committed_at is not None:
        # At the deadline whoever has said anything must commit, useful or not.
        useful = attempt.committed_at < race.plan.commit_deadline
        return attempt.committed_at - attempt.started_at, useful
    if moment != "ended" or attempt.committed_at is not None or attempt.ended_at is None:
        return None
    late = attempt.failure is not None and attempt.failure.kind is FailureKind.TIMEOUT
    if late or attempt.cut is not None:
        return attempt.ended_at - attempt.started_at, False
    return None
