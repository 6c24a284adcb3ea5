"""How long each candidate takes to its first useful token, learnt from its attempts.

For every (provider, model) there is a window of recent samples (`_window.py`), of what was observed
and of what is only known to be longer (`_survival.py`). What other replicas have seen is added to
it. Of answers whose provider says what its prompt cache did there are two more windows, of hits and
of misses: whoever is known to be warm is judged by the first.

What is a sample: the time from an attempt's start until its answer is useful by the configured
threshold, whatever its caller's threshold is and whether or not it commits (a draft does not until
it is chosen). An attempt that ended before, for whatever reason, would have taken longer than its
age: a censored sample. A quick failure is one, too, and harmless: it leaves before anything that is
observed, so the estimate takes no notice of it. Attempts that are no chats, and a judge, whose
prompt is another one, give no samples. See docs/decisions/2026-11-30-what-counts-as-a-sample.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Literal

import trio

from omen.core.candidates import Candidate
from omen.core.plan import NO_CHAT, AttemptRecord, Moment, RaceRecord, Role
from omen.routing.observe.survival import Survival
from omen.routing.observe.window import STALE_SECONDS, Histograms, Window, read_histograms

MOST_WINDOWS = 400
"""Of those that are remembered, the latest ones."""
RECENT_SECONDS = 600.0
"""What counts for a score."""
ENOUGH_HITS = 20
"""From so many on, warm candidates are judged by hits alone."""

Temperature = Literal["any", "hit", "miss"]
_Key = tuple[str, str, Temperature]
_OTHER_QUESTIONS: frozenset[Role] = NO_CHAT | {"judge"}
"""Roles in which something else is asked than the caller's chat."""
_NEVER_SEEN = Survival((), (), 0)


class FirstTokens:
    """An observer that keeps windows for every (provider, model)."""

    def __init__(self) -> None:
        self._windows: OrderedDict[_Key, Window] = OrderedDict()
        self._others: dict[_Key, Histograms] = {}
        """What other replicas have seen, added up."""
        self._pooled: dict[_Key, tuple[float, Survival]] = {}
        self._recents: dict[tuple[_Key, ...], tuple[float, Survival]] = {}

    def __repr__(self) -> str:
        models = {key[:2] for key in self._windows}
        return f"<FirstTokens of {len(models)} models>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe an attempt."""
        sample = sample_of(moment, race, attempt)
        if sample is not None:
            self._record(attempt.candidate, "any", *sample)
        found = _by_prompt_cache(moment, race, attempt)
        if found is not None:
            temperature, seconds = found
            self._record(attempt.candidate, temperature, seconds, observed=True)

    def survival(self, candidate: Candidate) -> Survival:
        """Estimate how long this candidate takes; of one never seen, from no samples."""
        if candidate.warm:
            hits = self.by_prompt_cache(candidate.provider, candidate.model, "hit")
            if hits.count >= ENOUGH_HITS:
                return hits
        return self._survival((candidate.provider, candidate.model, "any"))

    def by_prompt_cache(self, provider: str, model: str, temperature: Temperature) -> Survival:
        """Estimate from answers of which the provider's prompt cache knew the beginning, or not."""
        return self._survival((provider, model, temperature))

    def recent(self, candidate: Candidate) -> Survival:
        """Estimate from the last minutes alone, so that what was slow is not slow for ever.

        Who was not asked for so long is unknown again, unless another replica has seen it.
        """
        key: _Key = candidate.provider, candidate.model, "any"
        return self._recent([key])

    def recent_of_provider(self, provider: str) -> Survival:
        """Estimate the same over everything a provider was asked for."""
        return self._recent([k for k in (*self._windows, *self._others) if _is_of(k, provider)])

    def _recent(self, keys: Sequence[_Key]) -> Survival:
        now, name = trio.current_time(), tuple(dict.fromkeys(keys))
        known = self._recents.get(name)
        if known is None or now - known[0] >= STALE_SECONDS:
            known = self._recents[name] = now, self._sum(name, RECENT_SECONDS).survival()
            if len(self._recents) > MOST_WINDOWS:
                del self._recents[next(iter(self._recents))]
        return known[1]

    async def export(self) -> list[list[Any]]:
        """Write what was seen here, for other replicas; others may run in between."""
        rows: list[list[Any]] = []
        for key, window in list(self._windows.items()):
            rows.append([*key, *window.sums(trio.current_time()).write()])
            await trio.lowlevel.checkpoint()  # of many models this takes a while
        return rows

    def hear(self, told: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Take what each of the other replicas has exported last; what was heard before is void.

        **Raises.** `ValueError` when one of them is not understood; what was understood counts.
        """
        self._others, self._pooled = {}, {}
        for rows in told:
            for provider, model, temperature, *histograms in rows:
                total = self._others.setdefault((provider, model, temperature), Histograms())
                total.add(read_histograms(histograms))

    def _record(
        self, candidate: Candidate, temperature: Temperature, seconds: float, observed: bool
    ) -> None:
        key: _Key = candidate.provider, candidate.model, temperature
        window = self._windows.setdefault(key, Window())
        self._windows.move_to_end(key)
        window.record(seconds, observed=observed, now=trio.current_time())
        if len(self._windows) > MOST_WINDOWS:
            # Callers may name any model they like.
            self._windows.popitem(last=False)

    def _survival(self, key: _Key) -> Survival:
        now = trio.current_time()
        if key not in self._others:
            window = self._windows.get(key)
            return _NEVER_SEEN if window is None else window.survival(now)
        known = self._pooled.get(key)
        if known is None or now - known[0] >= STALE_SECONDS:
            known = self._pooled[key] = now, self._sum([key]).survival()
        return known[1]

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
    """Say what an answer tells of its provider's prompt cache, once its usage is there."""
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
    """Return what this moment tells: (seconds, observed); if not observed, it takes longer.

    An attempt gives one sample in its life.
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
        # Behind a commit its client may have held it up for any time: that is not the provider's.
        until = attempt.ended_at if attempt.committed_at is None else attempt.committed_at
        return until - attempt.started_at, False
    return None


def _useful_commit(race: RaceRecord, attempt: AttemptRecord) -> float | None:
    """Return when an attempt that nobody measured committed, if it was useful then.

    At the deadline the attempt with the most visible output commits, useful or not.
    """
    committed = attempt.committed_at
    is_forced = committed is not None and committed >= race.plan.commit_deadline
    return None if is_forced else committed
