"""The time to the first useful token of each candidate, learnt from its attempts.

Each (provider, model) has a window of recent samples (`window.py`), both observed and censored
(`survival.py`). The samples of other replicas are added. Where the provider reports whether its
prompt cache was hit, the sample also goes into a window of hits or a window of misses. A candidate
whose cache is warm is judged by the window of hits.

A sample is the time from an attempt's start until its answer is useful by the *configured*
threshold. The caller's own threshold does not matter, nor does a commit: a draft commits only when
it is chosen. An attempt that ended earlier, for any reason, would have taken longer than its age,
so it gives a censored sample. So does a quick failure. That is harmless: it leaves the estimate
before the first observed time, so it changes nothing. Attempts that are no chats give no sample,
and neither does a judge, because its prompt is another one. See
docs/decisions/2026-11-30-what-counts-as-a-sample.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Literal

import trio

from omen.core.candidates import Candidate
from omen.core.plan import Role
from omen.core.records import NO_CHAT, AttemptRecord, Moment, RaceRecord
from omen.routing.observe.survival import Survival
from omen.routing.observe.window import STALE_SECONDS, Histograms, Window, read_histograms

MAX_WINDOWS = 400
"""The number of windows that are kept: those with the latest samples."""
RECENT_SECONDS = 600.0
"""The age up to which samples count for a score."""
ENOUGH_HITS = 20
"""The number of samples from which warm candidates are judged by hits alone."""

Temperature = Literal["any", "hit", "miss"]
_Key = tuple[str, str, Temperature]
_OTHER_QUESTIONS: frozenset[Role] = NO_CHAT | {"judge"}
"""Roles whose request is not the caller's chat."""
_NO_SAMPLES = Survival((), (), 0)


class FirstTokens:
    """An observer that keeps windows for every (provider, model)."""

    moments = frozenset({"useful", "committed", "ended"})

    def __init__(self) -> None:
        self._windows: OrderedDict[_Key, Window] = OrderedDict()
        self._others: dict[_Key, Histograms] = {}
        """The sums of the other replicas' samples."""
        self._pooled: dict[_Key, tuple[float, Survival]] = {}
        """Estimates that include other replicas' samples, with the time of each estimate."""
        self._recents: dict[tuple[_Key, ...], tuple[float, Survival]] = {}
        """Estimates from recent samples, with the time of each estimate."""

    def __repr__(self) -> str:
        models = {key[:2] for key in self._windows}
        return f"<FirstTokens of {len(models)} models>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Record the sample that an attempt gives at this moment, if any."""
        sample = sample_of(moment, race, attempt)
        if sample is not None:
            self._record(attempt.candidate, "any", *sample)
        cache_sample = _by_prompt_cache(moment, race, attempt)
        if cache_sample is not None:
            temperature, seconds = cache_sample
            self._record(attempt.candidate, temperature, seconds, observed=True)

    def survival(self, candidate: Candidate) -> Survival:
        """Return the estimate for a candidate. A candidate without samples has an empty one."""
        if candidate.warm:
            hits = self.by_prompt_cache(candidate.provider, candidate.model, "hit")
            if hits.count >= ENOUGH_HITS:
                return hits
        return self.of_model(candidate.provider, candidate.model)

    def by_prompt_cache(self, provider: str, model: str, temperature: Temperature) -> Survival:
        """Return the estimate from answers that hit, or missed, the provider's prompt cache."""
        return self._survival((provider, model, temperature))

    def models_of(self, provider: str) -> list[str]:
        """Return the models of a provider that have samples here, the latest sample first."""
        return [key[1] for key in reversed(self._windows) if _is_of(key, provider)]

    def of_model(self, provider: str, model: str) -> Survival:
        """Return the estimate for a model, whether its prompt cache was warm or not."""
        return self._survival((provider, model, "any"))

    def recent(self, candidate: Candidate) -> Survival:
        """Return the estimate from the last minutes only, so that a slow hour is forgotten.

        A candidate without an attempt in that time has no samples here. The samples of other
        replicas count whatever their age.
        """
        key: _Key = candidate.provider, candidate.model, "any"
        return self._recent([key])

    def recent_of_provider(self, provider: str) -> Survival:
        """Return the estimate from the last minutes, over all models of a provider."""
        return self._recent([k for k in (*self._windows, *self._others) if _is_of(k, provider)])

    def _recent(self, keys: Sequence[_Key]) -> Survival:
        now, name = trio.current_time(), tuple(dict.fromkeys(keys))
        timed = self._recents.get(name)
        if timed is None or now - timed[0] >= STALE_SECONDS:
            timed = self._recents[name] = now, self._sum(name, RECENT_SECONDS).survival()
            if len(self._recents) > MAX_WINDOWS:
                del self._recents[next(iter(self._recents))]
        return timed[1]

    async def export(self) -> list[list[Any]]:
        """Return this replica's samples, for the others: provider, model, temperature, histograms.

        Other tasks run between two rows.
        """
        rows: list[list[Any]] = []
        # A copy, because another task may add a window at any checkpoint below.
        for key, window in list(self._windows.items()):
            rows.append([*key, *window.sums(trio.current_time()).write()])
            # Compressing hundreds of windows takes a while, and no race should wait for it.
            await trio.lowlevel.checkpoint()
        return rows

    def set_remote(self, exports: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Replace the samples of other replicas by the latest export of each.

        **Raises.** `ValueError` if an export cannot be read; the rows read before it count.
        """
        self._others, self._pooled = {}, {}
        for rows in exports:
            for provider, model, temperature, *histograms in rows:
                total = self._others.setdefault((provider, model, temperature), Histograms())
                total.add(read_histograms(histograms))

    def _record(
        self, candidate: Candidate, temperature: Temperature, seconds: float, observed: bool
    ) -> None:
        key: _Key = candidate.provider, candidate.model, temperature
        now = trio.current_time()
        if (window := self._windows.get(key)) is None:
            window = self._windows[key] = Window()
        self._windows.move_to_end(key)
        window.record(seconds, observed=observed, now=now)
        while next(iter(self._windows.values())).is_expired(now):
            self._windows.popitem(last=False)
        if len(self._windows) > MAX_WINDOWS:
            # Callers may name any model they like, so the number of windows has a limit.
            self._windows.popitem(last=False)

    def _survival(self, key: _Key) -> Survival:
        now = trio.current_time()
        if key not in self._others:
            window = self._windows.get(key)
            return _NO_SAMPLES if window is None else window.survival(now)
        timed = self._pooled.get(key)
        if timed is None or now - timed[0] >= STALE_SECONDS:
            timed = self._pooled[key] = now, self._sum([key]).survival()
        return timed[1]

    def _sum(self, keys: Iterable[_Key], within: float = inf) -> Histograms:
        total, now = Histograms(), trio.current_time()
        for key in keys:
            if key in self._windows:
                total.add(self._windows[key].sums(now, within))
            if key in self._others:
                total.add(self._others[key])
        return total


def _is_of(key: _Key, provider: str) -> bool:
    return key[0] == provider and key[2] == "any"


def _by_prompt_cache(
    moment: Moment, race: RaceRecord, attempt: AttemptRecord
) -> tuple[Temperature, float] | None:
    """Return a sample of the provider's prompt cache, once the attempt's usage is known.

    None if the provider does not report the cache, or the answer never became useful.
    """
    if moment != "ended" or attempt.usage is None or attempt.role in _OTHER_QUESTIONS:
        return None
    cached = attempt.usage.prompt_details.get("cached_tokens")
    useful_at = attempt.useful_at if attempt.measured else _useful_commit(race, attempt)
    if cached is None or useful_at is None:
        return None
    return "hit" if cached > 0 else "miss", useful_at - attempt.started_at


def sample_of(
    moment: Moment, race: RaceRecord, attempt: AttemptRecord
) -> tuple[float, bool] | None:
    """Return the sample of this moment as (seconds, observed); not observed means censored.

    An attempt gives at most one sample.
    """
    if attempt.role in _OTHER_QUESTIONS:
        return None
    if attempt.measured:
        return _measured_sample(moment, attempt)
    if moment == "committed" and attempt.committed_at is not None:
        useful_at = _useful_commit(race, attempt)
        return attempt.committed_at - attempt.started_at, useful_at is not None
    if moment == "ended" and attempt.committed_at is None and attempt.ended_at is not None:
        return attempt.ended_at - attempt.started_at, False
    return None


def _measured_sample(moment: Moment, attempt: AttemptRecord) -> tuple[float, bool] | None:
    if moment == "useful" and attempt.useful_at is not None:
        return attempt.useful_at - attempt.started_at, True
    if moment == "ended" and attempt.useful_at is None and attempt.ended_at is not None:
        # After the commit a slow client may hold the attempt up for any time. The provider is not
        # responsible for that time, so it does not count.
        until = attempt.ended_at if attempt.committed_at is None else attempt.committed_at
        if attempt.paused_at is not None:
            until = attempt.paused_at  # nothing was read from then on
        return until - attempt.started_at, False
    return None


def _useful_commit(race: RaceRecord, attempt: AttemptRecord) -> float | None:
    """Return the time at which an unmeasured attempt committed, if it was useful then.

    At the deadline the attempt with the most visible output commits, whether useful or not.
    """
    committed = attempt.committed_at
    is_forced = committed is not None and committed >= race.plan.commit_deadline
    return None if is_forced else committed
