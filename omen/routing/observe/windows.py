"""Windows by key, at most so many, with the sums of the other replicas' samples beside them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

import trio

from omen.routing.observe.histograms import Histograms
from omen.routing.observe.survival import Survival
from omen.routing.observe.window import STALE_SECONDS, Window

Key = tuple[str, str, str]
"""Provider, model, and which of the model's samples."""
NO_SAMPLES = Survival((), (), 0)


class Windows:
    """Windows by key: those with the latest samples. Callers name models, so there is a limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._windows: OrderedDict[Key, Window] = OrderedDict()
        self._others: dict[Key, Histograms] = {}
        """The sums of the other replicas' samples."""
        self._pooled: dict[Key, tuple[float, Survival]] = {}
        """Estimates that include other replicas' samples, with the time of each estimate."""

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[Key]:
        """Yield the keys with samples of this replica, the latest sample last."""
        return iter(self._windows)

    def __reversed__(self) -> Iterator[Key]:
        return reversed(self._windows)

    def values(self) -> Iterable[Window]:
        """Return the windows of this replica."""
        return self._windows.values()

    def known(self) -> Iterable[Key]:
        """Return the keys of this replica, then those of the others. A key may come twice."""
        return *self._windows, *self._others

    def record(self, key: Key, seconds: float, *, observed: bool) -> None:
        """Record a sample. Windows that are too old are dropped, and one beyond the limit."""
        now = trio.current_time()
        if (window := self._windows.get(key)) is None:
            window = self._windows[key] = Window()
        self._windows.move_to_end(key)
        window.record(seconds, observed=observed, now=now)
        while next(iter(self._windows.values())).is_expired(now):
            self._windows.popitem(last=False)
        if len(self._windows) > self._most:
            self._windows.popitem(last=False)

    def survival(self, key: Key) -> Survival:
        """Return the estimate from all samples of a key. It is made at most once per second."""
        now = trio.current_time()
        if key not in self._others:
            window = self._windows.get(key)
            return NO_SAMPLES if window is None else window.survival(now)
        timed = self._pooled.get(key)
        if timed is None or now - timed[0] >= STALE_SECONDS:
            timed = self._pooled[key] = now, self.sum([key]).survival()
        return timed[1]

    def sum(self, keys: Iterable[Key], within: float = inf) -> Histograms:
        """Return the sum of the samples of some keys that are at most `within` seconds old.

        The samples of other replicas count whatever their age. The sum is only to be read: that of
        one window is the window's own.
        """
        now = trio.current_time()
        parts = [
            self._windows[key].sums(now, within) if where is self._windows else self._others[key]
            for key in keys
            for where in (self._windows, self._others)
            if key in where
        ]
        if len(parts) == 1:
            return parts[0]
        total = Histograms()
        for part in parts:
            total.add(part)
        return total

    async def rows(self) -> list[list[Any]]:
        """Return each key of this replica with its histograms as text.

        Other tasks run between two rows.
        """
        rows: list[list[Any]] = []
        # A copy, because another task may add a window at any checkpoint below.
        for key, window in list(self._windows.items()):
            rows.append([*key, *window.write(trio.current_time())])
            # Compressing hundreds of windows takes a while, and no race should wait for it.
            await trio.lowlevel.checkpoint()
        return rows

    def forget_others(self) -> None:
        """Drop the samples of other replicas."""
        self._others, self._pooled = {}, {}

    def add_others(self, key: Key, histograms: Histograms) -> None:
        """Add samples of another replica."""
        self._others.setdefault(key, Histograms()).add(histograms)
