"""Scripted upstreams in virtual time: a table of scripts goes in, a record of the run comes out.

A script is a list of steps, each after a delay from the one before. The runner drives a strategy
over them and writes down when each attempt was opened and closed, what the client was sent and
when, and how it ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import repeat
from math import inf

import trio

from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import (
    FAILOVER_KINDS,
    AttemptDenied,
    FailureKind,
    OmenError,
    UpstreamFailure,
)
from omen.core.events import AnswerEnd, Event, FinishReason, TextDelta
from omen.core.hints import ReasoningCounts
from omen.core.plan import Expectation, Merge, Plan, Rewrite, Role, Spare, Strategy
from omen.race.checks import checks_of

QUESTION = ChatRequest(messages=(Message("user", (TextPart("What is the question?"),)),))

USEFUL = "twenty useful characters, counted without spaces"
"""More than the five tokens a commit asks for by default."""


BOUND = 1000.0
"""Seconds after which a scenario has hung."""
MOST_ENDS = 100
"""How often a strategy may ask for more after the end of an answer."""


@dataclass(frozen=True)
class Step:
    """Something an upstream does `after` seconds: events, a failure, or its response headers.

    With `at` it happens when that event is set instead. Tasks that an event wakes are all on
    their way when the first of them runs; those that a clock wakes can still be cancelled.
    """

    after: float
    does: Sequence[Event] | UpstreamFailure | None
    at: trio.Event | None = None


def answers(after: float = 0.0) -> Step:
    """Response headers: the attempt is open."""
    return Step(after, None)


def says(text: str, after: float = 0.0) -> Step:
    return Step(after, [TextDelta(text)])


def sends(*events: Event, after: float = 0.0) -> Step:
    return Step(after, events)


def ends(after: float = 0.0, reason: FinishReason = "stop") -> Step:
    return Step(after, [AnswerEnd(reason)])


def fails(after: float = 0.0, kind: FailureKind = FailureKind.SERVER_ERROR) -> Step:
    return Step(after, UpstreamFailure(kind, f"{kind.value} as scripted"))


def hangs() -> Step:
    return Step(inf, None)


def good(first_token: float, *, more: int = 2, gap: float = 0.1) -> list[Step]:
    """A healthy answer: headers at once, useful text at `first_token`, then more, then the end."""
    return [
        answers(),
        says(USEFUL, after=first_token),
        *(says(f" and {n}", after=gap) for n in range(more)),
        ends(after=gap),
    ]


@dataclass
class Happened:
    """What a scenario did. Times are seconds since its start."""

    winner: str | None = None
    error: OmenError | None = None
    clock: float = 0.0
    opened: dict[str, float] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)
    failed: dict[str, FailureKind] = field(default_factory=dict)
    committed: list[tuple[str, float]] = field(default_factory=list)
    paused: dict[str, float] = field(default_factory=dict)
    released: dict[str, float] = field(default_factory=dict)
    sent: list[tuple[float, Event]] = field(default_factory=list)
    roles: list[tuple[str, Role]] = field(default_factory=list)
    denied: list[tuple[str, float]] = field(default_factory=list)
    rewritten: list[ChatRequest] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(event.text for _, event in self.sent if isinstance(event, TextDelta))

    @property
    def left_open(self) -> set[str]:
        return set(self.opened) - set(self.closed)


class ScriptedAttempt:
    """Plays one script. A step that was cancelled while it waited can be continued."""

    def __init__(
        self, name: str, steps: Sequence[Step], happened: Happened, start: float, drain: float
    ) -> None:
        self._name = name
        self._drain = drain
        self._steps = list(steps)
        self._happened = happened
        self._start = start
        self._due = trio.current_time()
        self._ended = False
        self._ends = 0

    async def step(self) -> Sequence[Event]:
        if self._ended:
            # As a real one does: without a response to drain it returns at once.
            if self._drain:
                await trio.sleep(self._drain)
            self._ends += 1
            assert self._ends < MOST_ENDS, "it is asked for events again and again after its end"
            return ()
        step = self._steps[0]
        if step.at is None:
            await trio.sleep_until(self._due + step.after)
        else:
            await step.at.wait()
        self._due += step.after
        del self._steps[0]
        if isinstance(step.does, UpstreamFailure):
            raise step.does
        events = step.does or ()
        self._ended = bool(events) and isinstance(events[-1], AnswerEnd)
        return events

    async def receive(self) -> Sequence[Event]:
        return await self.step()

    def commit(self, *, shared: bool = False, takes_over: bool = False) -> None:
        self._happened.committed.append((self._name, trio.current_time() - self._start))

    def pause(self) -> None:
        self._happened.paused[self._name] = trio.current_time() - self._start

    def release(self) -> None:
        self._happened.released[self._name] = trio.current_time() - self._start


class Recorder:
    """An output that records the events it gets; each send takes `slow` seconds."""

    def __init__(
        self,
        happened: Happened,
        start: float,
        slow: float,
        on_send: Callable[[Sequence[Event]], Awaitable[None]] | None = None,
    ) -> None:
        self._happened = happened
        self._start = start
        self._slow = slow
        self._on_send = on_send

    async def send(self, events: Sequence[Event]) -> None:
        # Recorded first: the events count as sent, even if the sender is cancelled while it waits.
        now = trio.current_time() - self._start
        self._happened.sent += [(now, event) for event in events]
        if self._on_send is not None:
            await self._on_send(events)
        await trio.sleep(self._slow)


async def run_scenario(
    strategy: Strategy,
    scripts: Mapping[str, Sequence[Step]],
    *,
    k: int = 2,
    max_latency: float = inf,
    min_useful_tokens: int = 5,
    reasoning_counts: ReasoningCounts = False,
    scores: Mapping[str, float] | None = None,
    client_leaves: float = inf,
    slow_client: float = 0.0,
    slow_close: float = 0.0,
    drain: float = 0.0,
    hedge_delay: float | Mapping[str, float] = inf,
    extra_starts: Sequence[bool] | None = None,
    full_until: Mapping[str, float] | None = None,
    expected: bool = False,
    domains: Mapping[str, str] | None = None,
    again: Mapping[str, Sequence[Step]] | None = None,
    windows: Mapping[str, int] | None = None,
    failover_on: Collection[FailureKind] = FAILOVER_KINDS,
    budget_is_empty: bool = False,
    merge: Merge | None = None,
    judge: str | None = None,
    gate: Sequence[str] = (),
    request: ChatRequest = QUESTION,
    spare: Spare | None = None,
    on_send: Callable[[Sequence[Event]], Awaitable[None]] | None = None,
) -> Happened:
    """Run the strategy over the scripts, in their order, and return a record of the run.

    `extra_starts`: for each extra start in turn, whether the budget allows it; by default it always
    does. `budget_is_empty`: the plan says that it will not. `again`: the scripts of repeated
    attempts. `windows`: the context length of candidates, where it is known. `full_until`:
    candidates that deny every start until a time. `expected`: OMEN chose the plan, so all entrants
    but the first are extra starts. `gate`: the checks of answers to `request`. `drain`: the seconds
    until a response ends after its complete answer. `on_send`: called with what the output gets.
    """
    start = trio.current_time()
    happened = Happened()
    permits = iter(repeat(True) if extra_starts is None else extra_starts)
    candidates = {
        name: _candidate(
            name,
            (scores or {}).get(name, 50.0),
            (domains or {}).get(name, name),
            (windows or {}).get(name),
        )
        for name in scripts
    }
    judging = None if judge is None else candidates.pop(judge)
    plan = Plan(
        strategy="as given",
        candidates=tuple(candidates.values()),
        hedge_delays={
            candidate: hedge_delay[name] if isinstance(hedge_delay, Mapping) else hedge_delay
            for name, candidate in candidates.items()
        },
        expected=Expectation(0.9, 0.99, start + max_latency) if expected else None,
        merge=replace(merge or Merge(), judge=judging),
        k=k,
        min_useful_tokens=min_useful_tokens,
        reasoning_counts=reasoning_counts,
        commit_deadline=start + max_latency,
        failover_on=frozenset(failover_on),
        spare=spare,
        allows_extra=lambda: not budget_is_empty,
        make_checks=checks_of(gate, request),
    )

    def open_attempt(
        candidate: Candidate, role: Role = "primary", /, *, rewrite: Rewrite | None = None
    ) -> AbstractAsyncContextManager[ScriptedAttempt]:
        if rewrite is not None:
            happened.rewritten.append(rewrite(QUESTION))
        return opened(candidate, role)

    def admit(candidate: Candidate, role: Role) -> None:
        name, now = candidate.provider, trio.current_time() - start
        is_full = now < (full_until or {}).get(name, 0.0)
        if is_full or (plan.is_extra(role) and not next(permits, False)):
            happened.denied.append((name, now))
            raise AttemptDenied("as scripted", failover=is_full)

    @asynccontextmanager
    async def opened(candidate: Candidate, role: Role) -> AsyncIterator[ScriptedAttempt]:
        name = candidate.provider
        happened.roles.append((name, role))
        admit(candidate, role)
        happened.opened[name] = trio.current_time() - start
        try:
            steps = (
                (again or scripts).get(name, scripts[name]) if role == "retry" else scripts[name]
            )
            attempt = ScriptedAttempt(name, steps, happened, start, drain)
            await attempt.step()
            yield attempt
        except UpstreamFailure as failure:
            failure.failover = failure.kind in plan.failover_on
            happened.failed[name] = failure.kind
            raise
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + slow_close):
                await trio.sleep_forever()
            happened.closed[name] = trio.current_time() - start

    try:
        # The outer bound turns a loser that is never cancelled into a failure instead of a hang.
        with trio.fail_at(start + BOUND), trio.move_on_at(start + client_leaves):
            output = Recorder(happened, start, slow_client, on_send)
            winner = await strategy(plan, open_attempt, output)
            happened.winner = winner.provider
    except OmenError as error:
        happened.error = error
    happened.clock = trio.current_time() - start
    return happened


def _candidate(name: str, score: float, domain: str, window: int | None) -> Candidate:
    endpoint = Endpoint("http://scripted.invalid")
    card = ModelCard(context=window)
    return Candidate(name, "scripted", "m", endpoint, domain, score, card=card)
