"""Counts and times of requests and attempts, for `/metrics`.

No label has the name of a caller. Providers are those of the configuration, models those that they
list (see `ModelNames`), and every other label is one of a few words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import trio

from omen.core.gaps import GAP_BOUNDS
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.core.requests import RequestRecord
from omen.ledger.entries import reason_of
from omen.telemetry._gen_ai import GenAiMetrics
from omen.telemetry._series import Histogram, Labels, ModelNames

DURATION_BOUNDS = (0.5, 1.0, 5.0, 10.0, 30.0, 120.0)
FIRST_TOKEN_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
MOST_NOTED = 32
"""What is counted at once: less than a millisecond's work, so that no stream waits for it."""
NOBODY = "none"
"""The label of a provider and a model where no attempt won."""
_FAILED = frozenset({"failed", "timed_out"})


@dataclass(frozen=True, slots=True)
class LastLimit:
    """What an upstream reported last of a rate limit. `at` is on trio's clock."""

    remaining: int
    at: float


class Traffic:
    """An observer of attempts; its `request` observes requests.

    What has ended is only noted, and counted some at a time: that takes less of the CPU than to
    count between the work of requests. Call `settle` before reading.
    """

    moments = frozenset({"ended", "denied"})

    def __init__(self, is_listed: Callable[[str, str], bool]) -> None:
        self._names = ModelNames(is_listed)
        self._ended: list[tuple[AttemptRecord, float] | RequestRecord] = []
        self.responses: Counter[Labels] = Counter()
        """By door and status: every request, also one that was refused."""
        self.durations = Histogram(DURATION_BOUNDS)
        """By provider, model, door, strategy and status, as the next two."""
        self.first_tokens = Histogram(FIRST_TOKEN_BOUNDS)
        self.gaps = Histogram(GAP_BOUNDS)
        self.commits = Histogram(FIRST_TOKEN_BOUNDS)
        """By door and strategy."""
        self.premiums: defaultdict[Labels, Decimal] = defaultdict(Decimal)
        """US dollars by strategy."""
        self.attempts: Counter[Labels] = Counter()
        """By provider, model, role and outcome."""
        self.failures: Counter[Labels] = Counter()
        """By provider and kind of failure, or deadline."""
        self.tokens: Counter[Labels] = Counter()
        """By provider, model and type."""
        self.costs: defaultdict[Labels, Decimal] = defaultdict(Decimal)
        """US dollars by provider and model."""
        self.rate_limits: dict[Labels, LastLimit] = {}
        """By provider, model and limit."""
        self.gen_ai = GenAiMetrics(self._names)

    def request(self, record: RequestRecord) -> None:
        """Note a request that has ended."""
        self._note(record)

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Note an attempt that has ended, or was denied."""
        if moment in self.moments:
            self._note((attempt, trio.current_time()))

    def _note(self, ended: tuple[AttemptRecord, float] | RequestRecord) -> None:
        self._ended.append(ended)
        if len(self._ended) >= MOST_NOTED:
            self.settle()

    def settle(self) -> None:
        """Count what was noted."""
        ended, self._ended = self._ended, []
        for one in ended:
            if isinstance(one, RequestRecord):
                self._count_request(one)
            else:
                self._count_attempt(*one)

    def _count_request(self, record: RequestRecord) -> None:
        status = str(record.status)
        self.responses[record.door, status] += 1
        race = record.race
        if race is None or record.ended_at is None:
            return
        winner, strategy = race.winner, race.plan.strategy
        labels = (*self._who(winner), record.door, strategy, status)
        self.durations.observe(labels, record.ended_at - record.accepted_at)
        if len(race.attempts) > 1 and (premium := race.premium_usd):
            self.premiums[(strategy,)] += premium
        if winner is None or winner.committed_at is None or race.cached:
            return
        self.commits.observe((record.door, strategy), winner.committed_at - race.accepted_at)
        if winner.first_token_at is not None:
            self.first_tokens.observe(labels, winner.first_token_at - winner.started_at)
        if winner.gaps is not None:
            self.gaps.merge(labels, winner.gaps.counts, winner.gaps.total)

    def _count_attempt(self, attempt: AttemptRecord, now: float) -> None:
        provider, model = self._who(attempt)
        self.attempts[provider, model, attempt.role, attempt.outcome] += 1
        if attempt.outcome in _FAILED:
            self.failures[provider, reason_of(attempt) or "unknown"] += 1
        if attempt.outcome == "denied" or attempt.role == "cache":
            return
        cost = attempt.cost
        self._count_tokens(provider, model, attempt, cost.prompt_tokens)
        if cost.usd:
            self.costs[provider, model] += cost.usd
        self._note_limits(provider, model, attempt, now)
        self.gen_ai.observe(attempt)

    def _count_tokens(
        self, provider: str, model: str, attempt: AttemptRecord, prompt_tokens: int | None
    ) -> None:
        usage = attempt.usage
        cached = None if usage is None else usage.prompt_details.get("cached_tokens")
        counts = {"input": prompt_tokens, "output": attempt.tokens, "cached_input": cached}
        for kind, count in counts.items():
            if count:
                self.tokens[provider, model, kind] += count

    def _note_limits(self, provider: str, model: str, attempt: AttemptRecord, now: float) -> None:
        limits = attempt.rate_limits
        if limits is None:
            return
        reported = {"requests": limits.remaining_requests, "tokens": limits.remaining_tokens}
        for limit, remaining in reported.items():
            if remaining is not None:
                self.rate_limits[provider, model, limit] = LastLimit(remaining, now)

    def _who(self, attempt: AttemptRecord | None) -> tuple[str, str]:
        if attempt is None:
            return NOBODY, NOBODY
        candidate = attempt.candidate
        return candidate.provider, self._names.label(candidate.provider, candidate.model)
