"""Runs recorded requests at their times with a policy, and returns the outcome of each.

The plan's protocol, the engine, the strategies, the attempt registry, the learnt hedge delay and
the hedge budget are the real ones. The wire is replaced, and the order of the candidates is given
instead of coming from the router.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Protocol

import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import OmenError
from omen.core.events import Event
from omen.core.plan import EXTRA_LOAD, Expectation, Plan, Strategy
from omen.core.records import Admission, Observer, RaceRecord
from omen.race.engine import run_race
from omen.race.installed import load_strategies
from omen.replay._attempts import GivenAttempts
from omen.replay._policy import Policy
from omen.routing import FirstTokens, HedgeBudget, HedgeDelay, Odds, Survival, choose_plan

WARMUP_SECONDS = 1.0
TARGET = 0.99
"""The share of requests that `auto` aims to have useful by their deadline: the default of
`[race] slo_target`."""
_REQUEST = ChatRequest(messages=(Message("user", (TextPart("replayed"),)),))


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request: its time, in seconds after the first one, and its candidates in order.

    `latencies` maps each candidate to the time of an attempt there to its first useful token, in
    seconds.
    """

    at: float
    latencies: Mapping[Candidate, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one request.

    `seconds` is the time to its first useful token; None if it has none.
    """

    at: float
    seconds: float | None
    extra_at: tuple[float, ...]
    """The time of each start beside the first one that did not replace a failed attempt."""
    denied: int
    """The number of denied starts."""
    candidates: tuple[Candidate, ...] = ()
    """The candidates of the started attempts, in order; the primary one is the first."""


class Learning(Protocol):
    """Learns hedge delays from attempts: OMEN's own estimator, or another for comparison."""

    def observer(self) -> Observer:
        """Return the observer of attempts from which it learns."""
        ...

    def delay(self, candidate: Candidate) -> float:
        """Return the hedge delay of a candidate, in seconds."""
        ...

    def survival(self, candidate: Candidate) -> Survival:
        """Return the estimate of a candidate's time to its first useful token."""
        ...


class HistogramLearning:
    """OMEN's own estimator; see `omen.routing.decide.hedging`."""

    def __init__(self, max_extra_load: float) -> None:
        self._first_tokens = FirstTokens()
        self.delay = HedgeDelay(self._first_tokens, max_extra_load, WARMUP_SECONDS)

    def observer(self) -> Observer:
        """Return the observer that keeps the histograms."""
        return self._first_tokens

    def survival(self, candidate: Candidate) -> Survival:
        """Return the estimate from the histograms."""
        return self._first_tokens.survival(candidate)


@dataclass(slots=True)
class Play:
    """One run of a policy, and its outcomes so far.

    `bounded` is true if the hedge budget applies in addition to the hedge delay.
    """

    policy: Policy
    learning: Learning | None = None
    bounded: bool = True
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.policy.learns and self.learning is None:
            self.learning = HistogramLearning(self.policy.max_extra_load)

    async def run(self, requests: Iterable[RecordedRequest]) -> None:
        """Run every request at its time; return when all have ended."""
        budget = HedgeBudget(self.policy.max_extra_load)
        admissions: list[Admission] = [budget] if self.policy.learns and self.bounded else []
        observers = [self.learning.observer()] if self.learning else []
        latencies: dict[str, Mapping[Candidate, float]] = {}
        attempts = GivenAttempts(
            lambda race, candidate: latencies[race.race_id].get(candidate, inf),
            observers,
            admissions,
        )
        strategies = load_strategies()
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number, request in enumerate(requests):
                await trio.sleep_until(start + request.at)
                budget.requests += 1
                race = self._race(str(number), request, budget)
                strategy = strategies[race.plan.strategy]
                latencies[race.race_id] = request.latencies
                # The latencies of a request are removed when its race ends, or they would pile up.
                forget = partial(latencies.pop, race.race_id)
                nursery.start_soon(self._run_one, race, strategy, attempts, request.at, forget)

    def _race(self, race_id: str, request: RecordedRequest, budget: HedgeBudget) -> RaceRecord:
        policy, now = self.policy, trio.current_time()
        candidates = tuple(request.latencies)
        plan = Plan(
            strategy=policy.strategy,
            candidates=candidates,
            k=policy.k,
            commit_deadline=now + (policy.max_latency or inf),
            hedge_delays=self._delays(candidates),
        )
        if policy.chooses:
            plan = self._for_deadline(plan, budget)
        return RaceRecord(race_id, plan, now)

    def _for_deadline(self, plan: Plan, budget: HedgeBudget) -> Plan:
        """Return the plan with the strategy and k that the deadline needs."""
        learning, seconds = self.learning, self.policy.max_latency
        assert learning is not None
        assert seconds is not None
        choice = choose_plan(
            plan.candidates[: plan.k],
            seconds,
            TARGET,
            odds=Odds(learning.survival, learning.delay, lambda candidate: True),
            default_k=plan.k,
            extra_starts=budget.starts,
        )
        assert choice is not None  # every strategy is allowed
        expected = Expectation(choice.probability, TARGET, plan.commit_deadline)
        return replace(plan, strategy=choice.strategy, k=choice.k, expected=expected)

    def _delays(self, candidates: Sequence[Candidate]) -> Mapping[Candidate, float]:
        if self.learning is not None:
            return {candidate: self.learning.delay(candidate) for candidate in candidates}
        fixed = inf if self.policy.hedge_delay is None else self.policy.hedge_delay
        return dict.fromkeys(candidates, fixed)

    async def _run_one(
        self,
        race: RaceRecord,
        strategy: Strategy,
        attempts: GivenAttempts,
        at: float,
        forget: Callable[[], object],
    ) -> None:
        seconds: float | None = None
        with suppress(OmenError):  # a failed request is an outcome as well
            await run_race(race, strategy, attempts.opener(race, _REQUEST), _Sink())
        if race.winner is not None and race.winner.committed_at is not None:
            seconds = race.winner.committed_at - race.accepted_at
        forget()
        # In starting order, and of those that start together the primary one first: which of
        # their tasks runs first is chance.
        started = sorted(
            (a for a in race.attempts if a.outcome != "denied"),
            key=lambda a: (a.started_at, a.role != "primary"),
        )
        self.outcomes.append(
            Outcome(
                at,
                seconds,
                extra_at=tuple(
                    at + a.started_at - race.accepted_at
                    for a in started
                    if a.role in EXTRA_LOAD or a.role == "entrant"
                ),
                denied=len(race.attempts) - len(started),
                candidates=tuple(a.candidate for a in started),
            )
        )


class _Sink:
    async def send(self, events: Sequence[Event]) -> None:
        """Discard the events."""


def replay(play: Play, requests: Iterable[RecordedRequest]) -> Play:
    """Run the requests in virtual time, without waiting. Do not call it inside a trio run."""
    clock = MockClock(autojump_threshold=0)
    trio.run(play.run, requests, clock=clock)
    return play
