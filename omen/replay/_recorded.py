"""Recorded attempts as something to replay: what is known of every candidate for every request.

A recorded attempt has told how long it takes, or that it takes longer than it lived. What nobody
asked is not known. What is not known is drawn: from all that was seen of the candidate (Kaplan and
Meier's estimate, so that the cancelled ones count as what they are), given what is known. The draw
depends on the request and the candidate alone, so every policy meets the same luck.

What that leaves out: an attempt that failed is drawn anew, as if it had not; and where two
candidates are slow together, a draw that knows one of them does not know it of the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from random import Random

from omen.candidates import Candidate, Endpoint
from omen.entries import Entry
from omen.replay._run import Asked
from omen.routing import Survival, estimate

Name = tuple[str, str]

_NO_CHATS = frozenset({"judge", "cache", "embed", "count"})
"""Roles of attempts that were asked something else than the request, or nobody."""


@dataclass(slots=True)
class Recording:
    """What was recorded, ready to be replayed."""

    candidates: Mapping[Name, Candidate]
    """From the most asked one on."""
    races: Sequence[Sequence[Entry]]
    """The attempts of each race that were started, in order; races by time."""
    survivals: Mapping[Name, Survival]
    costs: Mapping[Name, Decimal | None]
    """What an attempt costs on average, of those of which it is known; None of none is."""
    seed: int = 1

    @classmethod
    def of(cls, entries: Iterable[Entry], seed: int = 1) -> Recording:
        """Put rows together, in whatever order they come."""
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
        asked = Counter(map(_name, rows))
        domains = {_name(row): row.domain for row in rows}
        return cls(
            candidates={
                name: Candidate(name[0], "", name[1], Endpoint(""), domains[name])
                for name, _ in asked.most_common()
            },
            races=ordered,
            survivals={name: _survival(r for r in rows if _name(r) == name) for name in asked},
            costs={name: _mean(r.cost for r in rows if _name(r) == name) for name in asked},
            seed=seed,
        )

    def requests(self) -> Iterable[Asked]:
        """Give every request at its time, with a latency for every candidate."""
        first = self.races[0][0].accepted_unix if self.races else 0.0
        for race in self.races:
            known = {_name(row): row for row in race}
            order = [*known, *(name for name in self.candidates if name not in known)]
            yield Asked(
                race[0].accepted_unix - first,
                {
                    self.candidates[name]: self._latency(race[0].race_id, name, known.get(name))
                    for name in order
                },
            )

    def extra_usd(self, candidates: Sequence[Candidate]) -> Decimal:
        """Say what these starts cost on average, as far as it is known."""
        costs = (self.costs[candidate.provider, candidate.model] for candidate in candidates)
        return sum((cost for cost in costs if cost is not None), Decimal(0))

    def _latency(self, race_id: str, name: Name, row: Entry | None) -> float:
        sample = None if row is None else sample_of(row)
        if sample is not None and sample[1]:
            return sample[0]
        luck = Random(f"{self.seed} {race_id} {name}").random()
        return draw(self.survivals[name], luck, beyond=sample[0] if sample else 0.0)


def sample_of(row: Entry) -> tuple[float, bool] | None:
    """Say how long an attempt took, or, with False, for how long at least."""
    if row.committed is not None and row.useful:
        return row.committed - row.started, True
    if row.committed is not None:
        return row.committed - row.started, False
    if row.outcome in ("lost", "client_cancelled", "timed_out"):
        return row.ended - row.started, False
    return None


def draw(survival: Survival, luck: float, beyond: float) -> float:
    """Draw a time that is longer than `beyond`; `luck` lies in 0..1.

    What was never seen to end is taken to take as long as the longest that did, or as `beyond`; of
    somebody who was never seen to answer at all it is `inf`.
    """
    if not survival.times and not beyond:
        return inf
    index = bisect_right(survival.times, beyond)
    left = survival.shares[index - 1] if index else 1.0
    wanted = left * luck
    for time, share in zip(survival.times[index:], survival.shares[index:], strict=True):
        if share <= wanted:
            return time
    return max([beyond, *survival.times[-1:]])


def _is_of_a_chat(row: Entry) -> bool:
    """Return whether a row tells how a provider answers chats.

    Answers from OMEN's own cache do not, nor do embeddings and counted tokens. Old recordings do
    not name the latter two: they committed without a token of text.
    """
    if row.outcome == "denied" or row.from_cache or row.role in _NO_CHATS:
        return False
    return row.committed is None or row.first_token is not None or row.tokens > 0


def _name(row: Entry) -> Name:
    return row.provider, row.model


def _survival(rows: Iterable[Entry]) -> Survival:
    observed: Counter[float] = Counter()
    censored: Counter[float] = Counter()
    for sample in map(sample_of, rows):
        if sample is not None:
            (observed if sample[1] else censored)[sample[0]] += 1
    times = sorted(observed | censored)
    return estimate(times, [observed[t] for t in times], [censored[t] for t in times])


def _mean(costs: Iterable[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) / len(known) if known else None
