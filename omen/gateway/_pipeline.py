"""Runs one request through the parts of the gateway, from the limits to the settlement.

The order is: the limits of the key; the cache, or an identical running request; stickiness; the
budgets; the race. Each step may end the request. Counted tokens and reserved money are settled when
the request ends, whatever the outcome.

The plan of a race is assigned here and nowhere else, except for the second race that the engine
starts when a committed stream has died. The other parts return plans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import trio

from omen.accounts.budget import Budgets
from omen.accounts.limits import Limits
from omen.cache import AnswerCache, CachedAnswer, Flight, Recorder, cache_key, wants_cache
from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest
from omen.core.errors import TotalTimeoutExceeded
from omen.core.events import Event
from omen.core.plan import Output, Plan, Strategy
from omen.core.prompt_size import PromptSize
from omen.core.records import AttemptRecord, Observer, RaceRecord
from omen.gateway._relief import Relief
from omen.gateway._slices import InSlices
from omen.isolation import off_loop
from omen.race.attempts import Attempts
from omen.race.checks import checks_of
from omen.race.engine import run_race
from omen.race.losers import LosersFirst
from omen.race.reasoning import ReasoningMemory
from omen.routing import HedgeBudget, RequestContext, Router
from omen.routing.decide.affinity import Affinity

_RunRace = Callable[[Output], Awaitable[None]]
"""Runs the race of the request and sends the answer to an output."""

SETTLE_SECONDS = 2.0
"""The timeout for settling at the end of a request. The store's own timeouts are shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPipeline:
    """Runs requests. `bookkeepers` are the observers that also see answers from the cache."""

    strategies: Mapping[str, Strategy]
    attempts: Attempts
    limits: Limits
    cache: AnswerCache
    affinity: Affinity
    budgets: Budgets
    hedge_budget: HedgeBudget
    bookkeepers: Sequence[Observer]
    reasoning: ReasoningMemory = field(default_factory=ReasoningMemory)
    relief: Relief = field(default_factory=Relief)

    async def run(
        self, race: RaceRecord, request: ChatRequest, output: Output, router: Router
    ) -> None:
        """Answer one request; see `omen.gateway.Gateway.run`."""
        output = InSlices(output)
        async with self._limited(race, request):
            run_race_into = partial(self._race, race, request, router=router)
            if self.cache.enabled and wants_cache(race, request):
                await self._answer_by_cache(race, request, output, run_race_into)
            else:
                await run_race_into(output)

    @asynccontextmanager
    async def _limited(self, race: RaceRecord, request: ChatRequest | None) -> AsyncIterator[None]:
        """Admit a request for the block, and count its real usage at the end.

        **Raises.** `RateLimited`.
        """
        caller = race.caller
        if caller.requests_per_minute is None and caller.tokens_per_minute is None:
            yield
            return
        await self.limits.admit(race, request)
        try:
            yield
        finally:
            # Shielded, because a cancelled request has used tokens, too. With a deadline, because
            # a store that hangs must not hold up the end of a request for ever.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
                await self.limits.settle(race)

    @asynccontextmanager
    async def _settled(self, race: RaceRecord) -> AsyncIterator[None]:
        """At the end of the block book what was spent, and release what was reserved in it."""
        try:
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
                await self.budgets.close(race)

    async def _answer_by_cache(
        self, race: RaceRecord, request: ChatRequest, output: Output, run: _RunRace
    ) -> None:
        """Answer from the cache, from an identical running request, or by a race of its own."""
        make_key = partial(cache_key, race, request, race.model)
        key = await off_loop(make_key) if request.is_heavy else make_key()
        answer = await self.cache.look(key)
        if answer is not None:
            await self._replay(race, answer, output)
            return
        flight = self.cache.flight(key)
        if flight is None:
            # There is no checkpoint between `flight` above and the entry of `lead`. So exactly one
            # of several identical requests becomes the leader.
            self.cache.misses += 1
            await self._lead(race, output, key, run)
            return
        answer = await _wait_for(flight, race)
        if answer is not None:
            self.cache.shared += 1
            await self._replay(race, answer, output)
            return
        # This request must not wait, or the leader failed, or the leader's client is too slow.
        self.cache.misses += 1
        await run(output)

    async def _lead(self, race: RaceRecord, output: Output, key: str, run: _RunRace) -> None:
        """Run the race, store its answer, and give it to identical requests that wait for it."""
        async with self.cache.lead(key) as flight:

            async def keep(events: Sequence[Event]) -> None:
                """Store the answer before its end is sent: the client may repeat it at once."""
                if race.winner is not None and race.winner.complete:
                    maker = race.winner.candidate
                    answer = CachedAnswer(
                        provider=maker.provider,
                        kind=maker.kind,
                        model=maker.model,
                        events=tuple(events),
                    )
                    # Waiting requests go first: they must not wait for the store as well.
                    flight.land(answer)
                    await self.cache.keep(key, answer)

            await run(Recorder(output, flight, keep))

    async def _replay(self, race: RaceRecord, answer: CachedAnswer, output: Output) -> None:
        """Send a stored answer. It gets a ledger row without cost; no upstream is involved."""
        self.cache.hits += 1
        race.cached = True
        now = trio.current_time()
        no_endpoint = Endpoint("")
        maker = Candidate(answer.provider, answer.kind, answer.model, no_endpoint, answer.provider)
        record = AttemptRecord(0, maker, now, "cache", committed_at=now, complete=True)
        record.outcome, record.ended_at = "won", now
        race.attempts.append(record)
        race.winner = record
        race.ended_at = now
        for observer in self.bookkeepers:
            observer("started", race, record)
            observer("ended", race, record)
        await output.send(answer.events)

    async def _race(
        self, race: RaceRecord, request: ChatRequest, output: Output, *, router: Router
    ) -> None:
        plan = await self._plan_with_maker(race, request, router)
        plan, race.pressure = self.relief.relieve(plan)
        if request.tools:
            # The client may already run a tool that the first answer called, and a restart cannot
            # undo that.
            plan = replace(plan, restart=False)
        if plan.spare is not None and not race.is_held:
            # The client sees the answer as it comes, and a spare answers from its beginning.
            plan = replace(plan, spare=None)
        if any(message.tool_calls for message in request.messages):
            request = self.reasoning.recall(request)
        if request.tools or race.hints.stickiness == "session":
            remember = partial(self.affinity.remember, race, request)
            output = self.reasoning.watch(request, output, remember)
        # `open` is inside the block: it may be cancelled after the store has granted a reservation,
        # and only the end of the block releases it.
        async with self._settled(race):
            # Most requests have no budget, and need not ask. `open` decides for itself.
            limits = (plan.budget_usd, race.caller.monthly_usd, self.budgets.months.limit_usd)
            race.plan = plan
            if limits != (None, None, None):
                race.plan = await self.budgets.open(race, plan, request)
            # After `open`, so that a request refused there adds nothing to the hedge budget.
            self.hedge_budget.requests += 1
            strategy = self.strategies[race.plan.strategy]
            opener = self.attempts.opener(race, request)
            if len(race.plan.candidates) > 1:
                output = LosersFirst(output, race, self.attempts.has_ended)
            make_checks = checks_of(plan.gate, request) if plan.gate else None
            await run_race(race, strategy, opener, output, make_checks)

    async def _plan_with_maker(
        self, race: RaceRecord, request: ChatRequest, router: Router
    ) -> Plan:
        """Return a plan with the maker of the conversation first; the given plan if there is none.

        The plan is made again, because everything else in it depends on its first candidate.
        """
        maker = await self.affinity.find(race, request)
        if maker is None:
            return race.plan
        context = RequestContext(request, race.caller, maker)
        return router.plan(race.model, race.hints, race.accepted_at, context)

    @asynccontextmanager
    async def counting(self, race: RaceRecord) -> AsyncIterator[None]:
        """Admit a token count for the block: it costs nothing, and the limits of its key apply.

        **Raises.** `RateLimited`.
        """
        async with self._limited(race, None):
            self.hedge_budget.requests += 1
            yield

    @asynccontextmanager
    async def embedding(self, race: RaceRecord, texts: PromptSize) -> AsyncIterator[None]:
        """Admit an embedding request for the block, and settle it at the end. Only input costs.

        **Raises.** `RateLimited`, `BudgetExceeded`.
        """
        race.prompt = texts
        async with self._limited(race, None), self._settled(race):
            race.plan = await self.budgets.open_input(race, race.plan, texts)
            self.hedge_budget.requests += 1
            yield


async def _wait_for(flight: Flight, race: RaceRecord) -> CachedAnswer | None:
    """Return the answer of an identical running request; None if it has none, or waiting is wrong.

    A request with a deadline for its first token does not wait: another request's whole answer may
    come too late. No request waits long for another request's client, because a client that does
    not read must hold up its own answer only; see `Flight.wait`.

    **Raises.** `TotalTimeoutExceeded`.
    """
    deadline = race.plan.answer_deadline
    if race.plan.commit_deadline < deadline:
        return None
    with trio.move_on_at(deadline):
        await flight.wait()
        return flight.answer
    raise TotalTimeoutExceeded("the total timeout has passed, waiting for an identical request")


@dataclass(slots=True)
class Counts:
    """The planned requests, by outcome."""

    live: int = 0
    answered: int = 0
    failed: int = 0
    """The client got an error instead of an answer, or in the middle of one."""
    cancelled: int = 0
    """The client left, or OMEN was stopped."""

    @property
    def total(self) -> int:
        """All requests that began."""
        return self.live + self.answered + self.failed + self.cancelled

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the block as one request: as running inside it, afterwards by its outcome."""
        self.live += 1
        # `trio.Cancelled` is no `Exception`, so a cancelled block leaves this value as it is.
        outcome = "cancelled"
        try:
            yield
            outcome = "answered"
        except Exception:
            outcome = "failed"
            raise
        finally:
            self.live -= 1
            setattr(self, outcome, getattr(self, outcome) + 1)
