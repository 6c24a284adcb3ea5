"""Plays requests at their times against a policy, and tells what came of each.

What is real: the plan's protocol, the engine, the strategies, the log of attempts, the learnt
hedge delay and the hedge budget. What is not: the wire, and the router, whose order is given.
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
from omen.core.plan import (
    EXTRA_LOAD,
    Admission,
    Expectation,
    Observer,
    Plan,
    RaceRecord,
    Strategy,
)
from omen.race.engine import run_race
from omen.race.installed import load_strategies
from omen.replay._attempts import GivenAttempts
from omen.replay._policy import Policy
from omen.routing import FirstTokens, HedgeBudget, HedgeDelay, Odds, Survival, choose_plan

WARMUP_SECONDS = 1.0
TARGET = 0.99
"""Share of requests that `auto` wants useful by their deadline, as `[race] slo_target` has it."""
_REQUEST = ChatRequest(messages=(Message("user", (TextPart("replayed"),)),))


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request: when it came (seconds from the first one), and whom it could go to.

    `latencies` are those its attempts take at each candidate, in seconds.
    """

    at: float
    latencies: Mapping[Candidate, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request. `seconds` to its first useful token; None if it never came."""

    at: float
    seconds: float | None
    extra_at: tuple[float, ...]
    """When each start was made that no failure had made necessary, beside the first one."""
    denied: int
    candidates: tuple[Candidate, ...] = ()
    """Who was started, in order."""


class Learning(Protocol):
    """Learns from attempts how long to wait before a hedge; ours, or one to compare it with."""

    def observer(self) -> Observer:
        """Give what is told of attempts."""
        ...

    def delay(self, candidate: Candidate) -> float:
        """Give a hedge delay, in seconds."""
        ...

    def survival(self, candidate: Candidate) -> Survival:
        """Give how long a candidate takes."""
        ...


class Learnt:
    """OMEN's own: see `omen.routing.decide.hedging`."""

    def __init__(self, max_extra_load: float) -> None:
        self._first_tokens = FirstTokens()
        self.delay = HedgeDelay(self._first_tokens, max_extra_load, WARMUP_SECONDS)

    def observer(self) -> Observer:
        """Give the histograms."""
        return self._first_tokens

    def survival(self, candidate: Candidate) -> Survival:
        """Give what the histograms estimate."""
        return self._first_tokens.survival(candidate)


@dataclass(slots=True)
class Play:
    """One policy, being played. `bounded`: whether the hedge budget holds beside the delay."""

    policy: Policy
    learning: Learning | None = None
    bounded: bool = True
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.policy.learns and self.learning is None:
            self.learning = Learnt(self.policy.max_extra_load)

    async def run(self, requests: Iterable[RecordedRequest]) -> None:
        """Play every request at its time; return when all have ended."""
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
            for number, asked in enumerate(requests):
                await trio.sleep_until(start + asked.at)
                budget.request()
                race = self._race(str(number), asked, budget)
                strategy = strategies[race.plan.strategy]
                latencies[race.race_id] = asked.latencies
                done = partial(latencies.pop, race.race_id)
                nursery.start_soon(self._one, race, strategy, attempts, asked.at, done)

    def _race(self, race_id: str, asked: RecordedRequest, budget: HedgeBudget) -> RaceRecord:
        policy, now = self.policy, trio.current_time()
        candidates = tuple(asked.latencies)
        plan = Plan(
            strategy=policy.strategy,
            candidates=candidates,
            k=policy.k,
            commit_deadline=now + (policy.max_latency or inf),
            hedge_delays=self._delays(candidates),
        )
        return RaceRecord(race_id, self._chosen(plan, budget) if policy.chooses else plan, now)

    def _chosen(self, plan: Plan, budget: HedgeBudget) -> Plan:
        """Return the plan that the deadline needs."""
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

    async def _one(
        self,
        race: RaceRecord,
        strategy: Strategy,
        attempts: GivenAttempts,
        at: float,
        done: Callable[[], object],
    ) -> None:
        seconds: float | None = None
        with suppress(OmenError):  # it came to nothing, and that is an outcome, too
            await run_race(race, strategy, attempts.opener(race, _REQUEST), _Sink())
        if race.winner is not None and race.winner.committed_at is not None:
            seconds = race.winner.committed_at - race.accepted_at
        done()
        started = [a for a in race.attempts if a.outcome != "denied"]
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
        """Nobody listens."""


def replay(play: Play, requests: Iterable[RecordedRequest]) -> Play:
    """Play in virtual time, in no time; must not be called from within trio."""
    clock = MockClock(autojump_threshold=0)
    trio.run(play.run, requests, clock=clock)
    return play
