"""The road of one request through the gateway's parts, from its limits to its books.

In this order, and what ends it early leaves nothing behind: the key's limits; the cache, or an
identical request that runs; who made the conversation so far; the budgets; the race. What was
counted or set aside is settled when the request has ended, however it ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import trio

from omen.attempts import Attempts
from omen.budget import Budgets
from omen.cache import AnswerCache, CachedAnswer, Flight, Recorder, cache_key, wants_cache
from omen.candidates import Candidate, Endpoint
from omen.chat import ChatRequest
from omen.engine import run_race
from omen.errors import TotalTimeoutExceeded
from omen.gateway._calls import CallWatch
from omen.limits import Limits
from omen.plan import AttemptRecord, Observer, Output, RaceRecord, Strategy
from omen.reasoning import ReasoningMemory
from omen.routing import HedgeBudget
from omen.routing.affinity import Affinity

SETTLE_SECONDS = 2.0
"""What settling may take at the end of a request; the store's own bounds are tighter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Runs requests. `bookkeepers` hear of answers from the cache, too."""

    strategies: Mapping[str, Strategy]
    attempts: Attempts
    limits: Limits
    cache: AnswerCache
    affinity: Affinity
    budgets: Budgets
    hedge_budget: HedgeBudget
    bookkeepers: Sequence[Observer]
    reasoning: ReasoningMemory = field(default_factory=ReasoningMemory)

    async def run(self, race: RaceRecord, request: ChatRequest, output: Output) -> None:
        """Answer one request; see `omen.gateway.Gateway.run`."""
        async with self.limited(race, request):
            watch = CallWatch(output, partial(self._remember, race, request))
            if self.cache.enabled and wants_cache(race, request):
                await self._cached(race, request, watch)
            else:
                await self._raced(race, request, watch)

    async def _remember(self, race: RaceRecord, request: ChatRequest, calls: Sequence[str]) -> None:
        """Remember who made an answer, unless it was made before."""
        if not race.cached:
            await self.affinity.remember(race, request, calls)

    @asynccontextmanager
    async def limited(self, race: RaceRecord, request: ChatRequest | None) -> AsyncIterator[None]:
        """Let a request in, and count at its end what it did use. **Raises.** `RateLimited`."""
        await self.limits.admit(race, request)
        try:
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
                await self.limits.settle(race)

    @asynccontextmanager
    async def budgeted(
        self, race: RaceRecord, open_: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Have money set aside; at the end book what was spent. **Raises.** `BudgetExceeded`."""
        try:
            await open_()
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
                await self.budgets.close(race)

    async def _cached(self, race: RaceRecord, request: ChatRequest, output: Output) -> None:
        key = cache_key(race, request, race.model)
        answer = await self.cache.look(key)
        if answer is not None:
            await self._replay(race, answer, output)
            return
        flight = self.cache.flight(key)
        if flight is None:
            self.cache.misses += 1
            await self._first(race, request, output, key)
            return
        answer = await _wait_for(flight, race)
        if answer is not None:
            self.cache.shared += 1
            await self._replay(race, answer, output)
            return
        self.cache.misses += 1
        await self._raced(race, request, output)

    async def _first(
        self, race: RaceRecord, request: ChatRequest, output: Output, key: str
    ) -> None:
        """Ask, with others perhaps waiting for the answer, and keep it."""
        async with self.cache.fly(key) as flight:
            recorder = Recorder(output)
            await self._raced(race, request, recorder)
            events, winner = recorder.answer, race.winner
            if events is not None and winner is not None and winner.complete:
                who = winner.candidate
                flight.answer = CachedAnswer(
                    provider=who.provider, kind=who.kind, model=who.model, events=tuple(events)
                )
        if flight.answer is not None:
            await self.cache.keep(key, flight.answer)

    async def _replay(self, race: RaceRecord, answer: CachedAnswer, output: Output) -> None:
        """Give an answer again. It is in the books, at no cost, and no upstream hears of it."""
        self.cache.hits += 1
        race.cached = True
        now = trio.current_time()
        nowhere = Endpoint("")
        who = Candidate(answer.provider, answer.kind, answer.model, nowhere, answer.provider)
        record = AttemptRecord(0, who, now, "cache", committed_at=now, complete=True)
        record.outcome, record.ended_at = "won", now
        race.attempts.append(record)
        race.winner = record
        race.ended_at = now
        for observer in self.bookkeepers:
            observer("started", race, record)
            observer("ended", race, record)
        await output.send(answer.events)

    async def _raced(self, race: RaceRecord, request: ChatRequest, output: Output) -> None:
        await self.affinity.stick(race, request)
        if request.tools:
            # A client may have begun to run what the first answer called.
            race.plan = replace(race.plan, restart=False)
        async with self.budgeted(race, lambda: self.budgets.open(race, request)):
            self.hedge_budget.request()
            strategy = self.strategies[race.plan.strategy]
            opener = self.attempts.opener(race, self.reasoning.recall(request))
            await run_race(race, strategy, opener, self.reasoning.watch(request, output))


async def _wait_for(flight: Flight, race: RaceRecord) -> CachedAnswer | None:
    """Wait for an identical request; None when it came to nothing, or this one cannot wait.

    Who has a deadline for its first token does not wait for another one's last.
    """
    if race.plan.commit_deadline < race.plan.total_deadline:
        return None
    with trio.move_on_at(race.plan.total_deadline):
        await flight.ended.wait()
        return flight.answer
    raise TotalTimeoutExceeded("the request's time is up, waiting for an identical one")
