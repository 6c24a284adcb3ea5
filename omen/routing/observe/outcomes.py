"""How often each candidate's attempts come to a good end, over the last ten minutes.

An attempt that was complete is a success, one whose upstream failed is not. Lost races, clients
that left and OMEN's own deadlines say nothing of an upstream, nor does a request that was wrong;
nor do embeddings and token counts of how chats go.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import trio

from omen.core.errors import FailureKind
from omen.core.plan import NO_CHAT, AttemptRecord, Moment, RaceRecord
from omen.routing.observe.breaker import THE_CLIENTS_DOING

WINDOW_SECONDS = 600.0
SLICE_SECONDS = 20.0
MOST = 400
"""Of (provider, model) pairs that are remembered."""
_SAYS_NOTHING = THE_CLIENTS_DOING | {FailureKind.UNSUPPORTED, FailureKind.INTERNAL}


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

    def counts(self, now: float) -> tuple[int, int]:
        self.forget(now)
        return sum(one.good for one in self.slices), sum(one.bad for one in self.slices)


class Outcomes:
    """An observer that counts, by (provider, model)."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Outcomes of {len(self._windows)} models>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe an attempt."""
        good = _judge(attempt) if moment == "ended" else None
        if good is None:
            return
        key = attempt.candidate.provider, attempt.candidate.model
        window = self._windows.setdefault(key, _Window())
        self._windows.move_to_end(key)
        window.count(trio.current_time(), good=good)
        if len(self._windows) > MOST:
            self._windows.popitem(last=False)

    def reliability(self, provider: str, model: str | None = None) -> float:
        """Give the success rate in percent, smoothed by Laplace: 50 when nothing was seen.

        Without a `model`, of everything at the provider.
        """
        now, good, bad = trio.current_time(), 0, 0
        for (name, its), window in self._windows.items():
            if name == provider and model in (None, its):
                more_good, more_bad = window.counts(now)
                good, bad = good + more_good, bad + more_bad
        return 100.0 * (good + 1) / (good + bad + 2)


def _judge(attempt: AttemptRecord) -> bool | None:
    if attempt.role in NO_CHAT:
        return None
    if attempt.failure is not None:
        return None if attempt.failure.kind in _SAYS_NOTHING else False
    return True if attempt.complete else None
