"""Takes one request through the gateway's parts, from its limits to its books.

In this order: the key's limits; the cache, or an identical request that runs; who made the
conversation so far; the budgets; the race. Each step may end the request. What was counted or set
aside is settled when the request has ended, however it ended.

The plan of a race is assigned here and nowhere else, except for the second race that the engine
starts when a committed stream has died. The other parts return plans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import trio

from omen.accounts.budget import Budgets
from omen.accounts.limits import Limits
from omen.cache import AnswerCache, CachedAnswer, Flight, Recorder, cache_key, wants_cache
from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest
from omen.core.costs import PromptSize
from omen.core.errors import TotalTimeoutExceeded
from omen.core.events import Event
from omen.core.plan import AttemptRecord, Observer, Output, Plan, RaceRecord, Strategy
from omen.race.attempts import Attempts
from omen.race.engine import run_race
from omen.race.reasoning import ReasoningMemory
from omen.race.tool_calls import ToolCallRecorder
from omen.routing import HedgeBudget, RequestContext, Router
from omen.routing.decide.affinity import Affinity

_Raced = Callable[[Output], Awaitable[None]]
"""Answers the request by a race, into an output."""

SETTLE_SECONDS = 2.0
"""What settling may take at the end of a request; the store's own bounds are tighter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPipeline:
    """Runs requests. `bookkeepers` observe answers from the cache, too."""

    strategies: Mapping[str, Strategy]
    attempts: Attempts
    limits: Limits
    cache: AnswerCache
    affinity: Affinity
    budgets: Budgets
    hedge_budget: HedgeBudget
    bookkeepers: Sequence[Observer]
    reasoning: ReasoningMemory = field(default_factory=ReasoningMemory)

    async def run(
        self, race: RaceRecord, request: ChatRequest, output: Output, router: Router
    ) -> None:
        """Answer one request; see `omen.gateway.Gateway.run`."""
        async with self._limited(race, request):
            watch = ToolCallRecorder(output, partial(self._remember, race, request))
            raced = partial(self._raced, race, request, router=router)
            if self.cache.enabled and wants_cache(race, request):
                await self._cached(race, request, watch, raced)
            else:
                await raced(watch)

    async def _remember(self, race: RaceRecord, request: ChatRequest, calls: Sequence[str]) -> None:
        """Remember who made an answer, unless it was made before."""
        if not race.cached:
            await self.affinity.remember(race, request, calls)

    @asynccontextmanager
    async def _limited(self, race: RaceRecord, request: ChatRequest | None) -> AsyncIterator[None]:
        """Let a request in, and count at its end what it did use. **Raises.** `RateLimited`."""
        await self.limits.admit(race, request)
        try:
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
                await self.limits.settle(race)

    @asynccontextmanager
    async def _settled(self, race: RaceRecord) -> AsyncIterator[None]:
        """At the end of the block book what was spent, and give back what was set aside in it."""
        try:
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
                await self.budgets.close(race)

    async def _cached(
        self, race: RaceRecord, request: ChatRequest, output: Output, raced: _Raced
    ) -> None:
        key = cache_key(race, request, race.model)
        answer = await self.cache.look(key)
        if answer is not None:
            await self._replay(race, answer, output)
            return
        flight = self.cache.flight(key)
        if flight is None:
            self.cache.misses += 1
            await self._first(race, output, key, raced)
            return
        answer = await _wait_for(flight, race)
        if answer is not None:
            self.cache.shared += 1
            await self._replay(race, answer, output)
            return
        self.cache.misses += 1
        await raced(output)

    async def _first(self, race: RaceRecord, output: Output, key: str, raced: _Raced) -> None:
        """Ask, with others perhaps waiting for the answer, and keep it."""
        async with self.cache.lead(key) as flight:

            async def keep(events: Sequence[Event]) -> None:
                """Keep the answer before its end goes out: its client may ask again at once."""
                if race.winner is not None and race.winner.complete:
                    who = race.winner.candidate
                    answer = CachedAnswer(
                        provider=who.provider, kind=who.kind, model=who.model, events=tuple(events)
                    )
                    flight.land(answer)
                    await self.cache.keep(key, answer)

            await raced(Recorder(output, flight, keep))

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

    async def _raced(
        self, race: RaceRecord, request: ChatRequest, output: Output, *, router: Router
    ) -> None:
        plan = await self._plan_with_maker(race, request, router)
        if request.tools:
            # A client may have begun to run what the first answer called.
            plan = replace(plan, restart=False)
        request = self.reasoning.recall(request)
        async with self._settled(race):
            race.plan = await self.budgets.open(race, plan, request)
            self.hedge_budget.request()
            strategy = self.strategies[race.plan.strategy]
            opener = self.attempts.opener(race, request)
            await run_race(race, strategy, opener, self.reasoning.watch(request, output))

    async def _plan_with_maker(
        self, race: RaceRecord, request: ChatRequest, router: Router
    ) -> Plan:
        """Return the plan in which the maker of the conversation goes first, if it has one.

        Everything else of a plan depends on who goes first, so it is made again.
        """
        maker = await self.affinity.find(race, request)
        if maker is None:
            return race.plan
        context = RequestContext(request, race.caller, maker)
        return router.plan(race.model, race.hints, race.accepted_at, context)

    @asynccontextmanager
    async def counting(self, race: RaceRecord) -> AsyncIterator[None]:
        """Let a request in that counts tokens: it costs nothing, and has the limits of its key."""
        async with self._limited(race, None):
            yield

    @asynccontextmanager
    async def embedding(self, race: RaceRecord, texts: PromptSize) -> AsyncIterator[None]:
        """Let a request in whose input is all that costs, and settle it at the end of the block.

        **Raises.** `RateLimited`, `BudgetExceeded`.
        """
        race.prompt = texts
        async with self._limited(race, None), self._settled(race):
            race.plan = await self.budgets.open_input(race, race.plan, texts)
            yield


async def _wait_for(flight: Flight, race: RaceRecord) -> CachedAnswer | None:
    """Wait for an identical request; None when it came to nothing, or this one cannot wait.

    A request with a deadline for its first token does not wait for another one's last. And none
    waits long for another one's client: a client that does not read holds up its own answer only.
    """
    if race.plan.commit_deadline < race.plan.total_deadline:
        return None
    with trio.move_on_at(race.plan.total_deadline):
        await flight.wait()
        return flight.answer
    raise TotalTimeoutExceeded("the request's time is up, waiting for an identical one")
