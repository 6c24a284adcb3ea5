"""The time to the first useful token of each candidate, learnt from its attempts.

Each (provider, model) has a window of recent samples (`window.py`), both observed and censored
(`survival.py`); `samples.py` says what a sample is. The samples of other replicas are added. Where
the provider reports whether its prompt cache was hit, the sample also goes into a window of hits or
a window of misses. A candidate whose cache is warm is judged by the window of hits.

For a request whose prompt was measured, the estimate is one for prompts of that size and for what
is known of the prompt cache (`forecasts.py`). The model's windows are what it is shrunk to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import trio

from omen.core.candidates import Candidate
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.routing.observe.forecasts import Forecasts, Shrink, Temperature, shrink_by_count
from omen.routing.observe.histograms import Histograms, read_histograms
from omen.routing.observe.samples import sample_by_prompt_cache, sample_of
from omen.routing.observe.survival import Survival
from omen.routing.observe.window import STALE_SECONDS
from omen.routing.observe.windows import Key, Windows

MAX_WINDOWS = 400
"""The number of windows of models that are kept: those with the latest samples."""
RECENT_SECONDS = 600.0
"""The age up to which samples count for a score."""
ENOUGH_HITS = 20
"""The number of samples from which warm candidates are judged by hits alone."""


class FirstTokens:
    """An observer that keeps windows for every (provider, model)."""

    moments = frozenset({"useful", "committed", "ended"})

    def __init__(self, shrink: Shrink = shrink_by_count) -> None:
        self._windows = Windows(MAX_WINDOWS)
        self._forecasts = Forecasts(shrink)
        self._recents: dict[tuple[Key, ...], tuple[float, Survival]] = {}
        """Estimates from recent samples, with the time of each estimate."""
        self._read: dict[tuple[str, ...], Histograms] = {}
        """The histograms of the others' latest exports, by their texts. Most do not change."""

    def __repr__(self) -> str:
        models = {key[:2] for key in self._windows}
        return f"<FirstTokens of {len(models)} models>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Record the sample that an attempt gives at this moment, if any."""
        candidate = attempt.candidate
        sample = sample_of(moment, race, attempt)
        if sample is not None:
            seconds, observed = sample
            self._record(candidate, "any", seconds, observed=observed)
        cache_sample = sample_by_prompt_cache(moment, race, attempt)
        if cache_sample is not None:
            report, seconds = cache_sample
            self._record(candidate, report, seconds, observed=True)

    def survival(self, candidate: Candidate) -> Survival:
        """Return the estimate for a candidate of a request. Without samples it is empty.

        If the request's prompt was measured, the estimate is for prompts of its size.
        """
        if candidate.prompt_tokens is None:
            return self._windows.survival(self._usual(candidate))
        return self._forecasts.survival(candidate, lambda: self._root(candidate))

    def by_prompt_cache(self, provider: str, model: str, temperature: Temperature) -> Survival:
        """Return the estimate from answers that hit, or missed, the provider's prompt cache."""
        return self._windows.survival((provider, model, temperature))

    def models_of(self, provider: str) -> list[str]:
        """Return the models of a provider that have samples here, the latest sample first."""
        return [key[1] for key in reversed(self._windows) if _is_of(key, provider)]

    def of_model(self, provider: str, model: str) -> Survival:
        """Return the estimate for a model, whatever its prompts and its prompt cache were."""
        return self._windows.survival((provider, model, "any"))

    def recent(self, candidate: Candidate) -> Survival:
        """Return the estimate from the last minutes only, so that a slow hour is forgotten.

        If the request's prompt was measured, the estimate is for prompts of its size. A candidate
        without an attempt in that time has no samples here. The samples of other replicas count
        whatever their age.
        """
        key = _key(candidate, "any")
        if candidate.prompt_tokens is None:
            return self._recent([key])

        def root() -> tuple[Histograms, int]:
            return self._windows.sum([key], RECENT_SECONDS), self._recent([key]).count

        return self._forecasts.survival(candidate, root, RECENT_SECONDS)

    def recent_of_provider(self, provider: str) -> Survival:
        """Return the estimate from the last minutes, over all models of a provider."""
        return self._recent([key for key in self._windows.known() if _is_of(key, provider)])

    def _recent(self, keys: Sequence[Key]) -> Survival:
        now, name = trio.current_time(), tuple(dict.fromkeys(keys))
        timed = self._recents.get(name)
        if timed is None or now - timed[0] >= STALE_SECONDS:
            survival = self._windows.sum(name, RECENT_SECONDS).survival()
            timed = self._recents[name] = now, survival
            if len(self._recents) > MAX_WINDOWS:
                del self._recents[next(iter(self._recents))]
        return timed[1]

    async def export(self) -> list[list[Any]]:
        """Return this replica's samples, for the others: provider, model, name, histograms.

        The name is a `Temperature`, or that of a cell of `forecasts.py`; a replica of an earlier
        version has no cells, and asks for none. Other tasks run between two rows.
        """
        return await self._windows.rows() + await self._forecasts.cells.rows()

    async def read_ahead(self, exports: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Read the histograms of exports for `set_remote`, up to the first that cannot be read.

        There may be hundreds, and reading one takes half a millisecond. Other tasks run in between.
        """
        known, self._read = self._read, {}
        try:
            for _, _, _, *texts in (row for rows in exports for row in rows):
                name = tuple(texts)
                if name in known:
                    self._read[name] = known[name]
                elif name not in self._read:
                    self._read[name] = read_histograms(texts)
                    await trio.lowlevel.checkpoint()
        except (ValueError, TypeError):
            return  # `set_remote` will find it, and say so

    def set_remote(self, exports: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Replace the samples of other replicas by the latest export of each.

        **Raises.** `ValueError` if an export cannot be read; the rows read before it count.
        """
        self._windows.forget_others()
        self._forecasts.cells.forget_others()
        for rows in exports:
            for provider, model, name, *texts in rows:
                windows = self._forecasts.cells if "/" in name else self._windows
                histograms = self._read.get(tuple(texts)) or read_histograms(texts)
                windows.add_others((provider, model, name), histograms)

    def _record(
        self, candidate: Candidate, temperature: Temperature, seconds: float, observed: bool
    ) -> None:
        self._windows.record(_key(candidate, temperature), seconds, observed=observed)
        self._forecasts.record(candidate, temperature, seconds, observed=observed)

    def _root(self, candidate: Candidate) -> tuple[Histograms, int]:
        """Return the samples of a candidate's model, and the number of informative ones."""
        key = self._usual(candidate)
        return self._windows.sum([key]), self._windows.survival(key).count

    def _usual(self, candidate: Candidate) -> Key:
        """Return the window of a candidate's model: that of hits if it is warm and has enough."""
        hits = _key(candidate, "hit")
        if candidate.warm and self._windows.survival(hits).count >= ENOUGH_HITS:
            return hits
        return _key(candidate, "any")


def _key(candidate: Candidate, name: Temperature) -> Key:
    return candidate.provider, candidate.model, name


def _is_of(key: Key, provider: str) -> bool:
    return key[0] == provider and key[2] == "any"
