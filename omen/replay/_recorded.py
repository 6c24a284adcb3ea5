"""Recorded attempts, prepared for a replay: a latency of every candidate for every request.

A recorded attempt gives either the latency of its candidate for this request, or a lower bound of
it (the age at which it was cut off). A candidate without an attempt gives nothing. A latency that
is not recorded is drawn from the candidate's distribution over the recorded attempts, above the
lower bound if there is one. The distribution is the Kaplan-Meier estimate, so that cancelled
attempts count as censored samples. It is that of prompts of the same size, mixed with some samples'
worth of all prompts', as forecasts are while serving. The draw depends on the seed, the request and
the candidate only, so every policy gets the same latencies.

The limits of this: a failed attempt is drawn again, as if it had not failed; and if two candidates
are slow for a common cause, the drawn latency of one does not depend on the recorded latency of the
other. Which prompt caches were expected to be warm is not recorded, so it is unknown in a replay.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import inf
from random import Random

from omen.core.candidates import Candidate, Endpoint
from omen.core.records import NO_CHAT
from omen.ledger.entries import Entry
from omen.replay._run import RecordedRequest
from omen.routing import Survival, estimate
from omen.routing.observe.forecasts import STRENGTH, size_of

Name = tuple[str, str]
_NO_CANDIDATES = NO_CHAT | {"judge"}
"""Roles of attempts that say nothing about how a candidate answers a chat."""


@dataclass(slots=True)
class Recording:
    """The recorded races, ready for a replay."""

    candidates: Mapping[Name, Candidate]
    """The candidates; the one with the most attempts first."""
    races: Sequence[Sequence[Entry]]
    """The started attempts of each race, in order; the races by time."""
    survivals: Mapping[tuple[Name, int | None], Survival]
    """The estimate of each candidate's time to its first useful token, by the size of the prompt;
    with None for prompts of unknown size."""
    costs: Mapping[Name, Decimal | None]
    """The average of the known costs of a candidate's attempts, in US dollars; None without any."""
    seed: int = 1

    @classmethod
    def of(cls, entries: Iterable[Entry], seed: int = 1) -> Recording:
        """Return the recording of these rows, which may come in any order."""
        races: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if _is_of_a_chat(entry):
                races[entry.race_id].append(entry)
        ordered = [
            sorted(rows, key=lambda row: (row.role != "primary", row.index))
            for rows in races.values()
        ]
        ordered.sort(key=lambda rows: rows[0].accepted_unix)
        rows = [row for race in ordered for row in race]
        counts = Counter(map(_name, rows))
        domains = {_name(row): row.domain for row in rows}
        return cls(
            candidates={
                name: Candidate(name[0], "", name[1], Endpoint(""), domains[name])
                for name, _ in counts.most_common()
            },
            races=ordered,
            survivals=_survivals(ordered),
            costs={name: _mean(r.cost for r in rows if _name(r) == name) for name in counts},
            seed=seed,
        )

    def requests(self) -> Iterable[RecordedRequest]:
        """Yield every request, by time, with a latency for every candidate.

        The candidates that the race tried come first, in their recorded order.
        """
        first = self.races[0][0].accepted_unix if self.races else 0.0
        for race in self.races:
            known, tokens = {_name(row): row for row in race}, _prompt_tokens(race)
            order = [*known, *(name for name in self.candidates if name not in known)]
            yield RecordedRequest(
                race[0].accepted_unix - first,
                {
                    replace(self.candidates[name], prompt_tokens=tokens): self._latency(
                        race[0].race_id, name, known.get(name), _size(tokens)
                    )
                    for name in order
                },
            )

    def extra_usd(self, candidates: Sequence[Candidate]) -> Decimal:
        """Return the average cost of starts at these candidates. An unknown cost counts as 0."""
        costs = (self.costs[candidate.provider, candidate.model] for candidate in candidates)
        return sum((cost for cost in costs if cost is not None), Decimal(0))

    def _latency(self, race_id: str, name: Name, row: Entry | None, size: int | None) -> float:
        # A failed attempt is drawn again: its duration says nothing about the time of an answer.
        sample = None if row is None or row.outcome == "failed" else sample_of(row)
        if sample is not None and sample[1]:
            return sample[0]
        # Seeded by the request and the candidate, not by the order of draws: so the latency does
        # not depend on the policy.
        uniform = Random(f"{self.seed} {race_id} {name}").random()
        survival = self.survivals.get((name, size)) or self.survivals[name, None]
        return draw(survival, uniform, beyond=sample[0] if sample else 0.0)


def sample_of(row: Entry) -> tuple[float, bool] | None:
    """Return the sample of an attempt as (seconds, observed); not observed means censored.

    It is the same rule as for samples while serving; see `omen.routing.observe.first_tokens`.
    """
    if row.useful_at is not None:
        return row.useful_at - row.started, True
    if row.committed is not None:
        return row.committed - row.started, row.useful and not row.measured
    return row.ended - row.started, False


def draw(survival: Survival, uniform: float, beyond: float) -> float:
    """Return a time from the distribution, longer than `beyond`; `uniform` lies in 0..1.

    If the drawn quantile lies beyond every observed time, return the longest observed time, or
    `beyond` if that is longer. Without any observed time and without `beyond`, return `inf`.
    """
    if not survival.times and not beyond:
        return inf
    index = bisect_right(survival.times, beyond)
    remaining = survival.shares[index - 1] if index else 1.0
    threshold = remaining * uniform
    for time, share in zip(survival.times[index:], survival.shares[index:], strict=True):
        if share <= threshold:
            return time
    return max([beyond, *survival.times[-1:]])


def _is_of_a_chat(row: Entry) -> bool:
    """Return whether a row is evidence of how a candidate answers a chat.

    Answers from OMEN's own cache, embeddings and counts of tokens are not. Older recordings have no
    role for the latter two; there such a row committed without a token of text.
    """
    if row.outcome == "denied" or row.from_cache or row.role in _NO_CANDIDATES:
        return False
    return row.committed is None or row.first_token is not None or row.tokens > 0


def _name(row: Entry) -> Name:
    return row.provider, row.model


def _prompt_tokens(race: Sequence[Entry]) -> int | None:
    """Return the tokens of a request's prompt. A loser's may not be known, the winner's are."""
    return max((row.prompt_tokens for row in race if row.prompt_tokens), default=None)


def _size(prompt_tokens: int | None) -> int | None:
    return None if prompt_tokens is None else size_of(prompt_tokens)


@dataclass(slots=True)
class _Samples:
    """Exact times, and how many samples each has."""

    observed: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))
    censored: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))
    count: int = 0

    def add(self, sample: tuple[float, bool] | None) -> None:
        if sample is not None:
            seconds, observed = sample
            (self.observed if observed else self.censored)[seconds] += 1.0
            self.count += 1

    def survival(self, parent: _Samples) -> Survival:
        """Return the estimate, mixed with some samples' worth of its parent's other ones."""
        weight = STRENGTH / parent.count if parent.count > self.count else 0.0
        times = sorted({*parent.observed, *parent.censored})
        return estimate(
            times,
            [self.observed[time] + weight * parent.observed[time] for time in times],
            [self.censored[time] + weight * parent.censored[time] for time in times],
        )


def _survivals(
    races: Iterable[Sequence[Entry]],
) -> dict[tuple[Name, int | None], Survival]:
    """Return the estimates of each candidate: for all prompts, and for each size of prompt."""
    samples: defaultdict[tuple[Name, int | None], _Samples] = defaultdict(_Samples)
    for race in races:
        size = _size(_prompt_tokens(race))
        for row in race:
            for key in {(_name(row), None), (_name(row), size)}:
                samples[key].add(sample_of(row))
    return {key: own.survival(parent=samples[key[0], None]) for key, own in samples.items()}


def _mean(costs: Iterable[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) / len(known) if known else None
