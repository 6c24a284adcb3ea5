"""The contract between router, engine and strategies: a plan, its records, and four protocols.

A strategy gets a `Plan`, a way to open attempts and an output, and decides who wins. The engine
runs it and knows only these protocols. Everything here points at the vocabulary and at nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf
from typing import Literal, Protocol

from omen.core.callers import ANYBODY, Caller, Quota
from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.costs import (
    NOTHING,
    Cost,
    PromptSize,
    cost_from_usage,
    partial_cost,
)
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Event, Usage
from omen.core.frames import RateLimits
from omen.core.hints import MergeMethod, RaceHints, ReasoningCounts

Outcome = Literal["running", "won", "lost", "failed", "timed_out", "client_cancelled", "denied"]
"""`denied`: never started."""
Role = Literal[
    "primary", "entrant", "failover", "hedge", "retry", "draft", "judge", "cache", "embed", "count"
]
"""Why an attempt was started. `primary`: the plan's first. `entrant`: in the race from the start.
`failover`: in place of a failed one. `hedge`: beside a slow one. `retry`: the same candidate once
more. `draft` and `judge`: parts of one answer made of several. `cache`: no provider was asked, the
answer was in the cache. `embed`: texts to vectors. `count`: the tokens of a prompt are counted."""
EXTRA_LOAD: frozenset[Role] = frozenset({"hedge", "retry"})
"""Extra starts: the caller has not asked for them, so they draw from the hedge budget."""
NO_CHAT: frozenset[Role] = frozenset({"cache", "embed", "count"})
"""Roles that say nothing of how a provider answers chats: forecasts and health skip them."""
_FREE: frozenset[Role] = frozenset({"cache", "count"})
"""No vendor bills them: an answer of OMEN's own, and counting tokens (docs.claude.com, token
counting, 2026-11-30)."""
_UNWRITTEN = frozenset({FailureKind.UNSUPPORTED, FailureKind.INTERNAL})
_ONE_AT_FIRST = frozenset({"single", "speculate_k"})
Moment = Literal["started", "progressed", "useful", "committed", "ended", "denied"]
"""`useful`: the answer reached the configured threshold of useful tokens, committed or not."""
CutReason = Literal["lost", "client_left", "max_latency", "total_timeout", "shutdown"]
"""Why a running attempt was cut off from outside. `shutdown` is whatever else cancels a request:
the server has drained for long enough, or was told to stop at once."""


@dataclass(frozen=True, slots=True)
class Merge:
    """How several drafts become one answer. `quorum` None: all of them."""

    method: MergeMethod = "synthesize"
    judge: Candidate | None = None
    quorum: int | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was expected of a plan: a useful token by the deadline, with which probability.

    `probability` is None while too little has been seen of the candidates.
    """

    probability: float | None
    target: float
    deadline: float
    """By when, on trio's clock."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the router decided, before anything is sent.

    Deadlines are points on trio's clock; `inf` means none. `candidates` are in starting order.
    Money is US dollars.
    """

    strategy: str
    candidates: tuple[Candidate, ...]
    k: int = 2
    min_useful_tokens: int = 5
    reasoning_counts: ReasoningCounts = False
    intent: str | None = None
    commit_deadline: float = inf
    total_deadline: float = inf
    hedge_delays: Mapping[Candidate, float] = field(default_factory=dict)
    """Seconds to wait for a candidate's commit before a hedge starts beside it. A candidate without
    an entry is never hedged. They hold for any order of the candidates."""
    merge: Merge = field(default_factory=Merge)
    restart: bool = False
    """Whether a committed stream that dies is followed by another one's whole answer."""
    budget_usd: Decimal | None = None
    """What all attempts together may cost. None: no bound."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Who could not serve the request, `provider/model`, and why."""
    reason: str = ""
    """Why the candidates are in this order."""
    sticky: Candidate | None = None
    """Who made the conversation so far, and so goes first."""
    expected: Expectation | None = None
    """Set when OMEN chose the strategy itself, for the sake of the commit deadline."""

    @property
    def starts(self) -> int:
        """How many attempts start at once. Hedges come later, if at all."""
        return 1 if self.strategy in _ONE_AT_FIRST else min(self.k, len(self.candidates))

    def is_extra(self, role: Role) -> bool:
        """Return whether a start in this role is extra load, which the caller has not asked for.

        Entrants of a race are, when OMEN chose to race.
        """
        return role in EXTRA_LOAD or (role == "entrant" and self.expected is not None)


@dataclass(slots=True, eq=False)
class AttemptRecord:
    """How one attempt went, kept up to date while it runs. Times are on trio's clock."""

    index: int
    candidate: Candidate
    started_at: float
    role: Role = "primary"
    responded_at: float | None = None
    """When the upstream's response had begun and was a stream."""
    first_token_at: float | None = None
    measured: bool = False
    """Whether its events are watched for `useful_at`."""
    useful_at: float | None = None
    """When its answer reached the configured threshold of useful tokens, whatever the caller's own
    is and whether or not it committed. Time in which its client held it up is left out."""
    committed_at: float | None = None
    shared: bool = False
    """Whether it committed to a part of the answer, beside others."""
    ended_at: float | None = None
    outcome: Outcome = "running"
    tokens: int = 0
    """Generated tokens seen: what the provider reported, else an estimate from the text."""
    pieces: int = 0
    """In how many pieces they came. None of them is less than a token."""
    prompt: PromptSize | None = None
    """Measured only where no usage tells."""
    complete: bool = False
    """Whether the whole answer arrived."""
    usage: Usage | None = None
    failure: UpstreamFailure | None = None
    denied: str | None = None
    """Why it was never started, if so."""
    cut: CutReason | None = None
    """Set with `ended_at`, if something else had it end."""
    cut_at: float | None = None
    """When that was decided. From here to `ended_at` its upstream was not rid of us yet."""
    rate_limits: RateLimits | None = None
    """What its upstream said is left of the gateway's share, with its answer's headers."""

    @property
    def cost(self) -> Cost:
        """What it cost so far, and how well that is known."""
        candidate, failure = self.candidate, self.failure
        if self.usage is not None:
            return cost_from_usage(candidate.card.price, self.usage)
        if self.outcome == "denied" or self.role in _FREE or self._was_never_sent:
            return NOTHING
        if failure is not None and self.responded_at is None:
            # Nobody bills what it has refused; but whom one could not hear may have answered.
            refused = failure.upstream_status is not None
            return Cost(Decimal(0), "estimated" if refused else "at_least")
        stops = bool(candidate.quirks.cancel_stops_billing) and failure is None
        return partial_cost(
            candidate.card.price,
            self.prompt,
            seen=self.tokens,
            pieces=self.pieces,
            heard=self.responded_at is not None,
            stops=stops,
        )

    @property
    def _was_never_sent(self) -> bool:
        """Whether the request could not be written for its candidate."""
        failure = self.failure
        if failure is None or self.responded_at is not None:
            return False
        return failure.upstream_status is None and failure.kind in _UNWRITTEN

    @property
    def cost_usd(self) -> Decimal | None:
        """The same without its provenance; None if unknown."""
        return self.cost.usd


@dataclass(slots=True, eq=False)
class RaceRecord:
    """One request's race: its plan, every attempt in starting order, and who won."""

    race_id: str
    plan: Plan
    accepted_at: float
    request_id: str = ""
    attempts: list[AttemptRecord] = field(default_factory=list)
    winner: AttemptRecord | None = None
    """Who committed; after a restart, who did last."""
    ended_at: float | None = None
    restarts: int = 0
    prompt: PromptSize | None = None
    """How long the prompt may be, once somebody had to know."""
    client_left_at: float | None = None
    """When the client was seen to have left before it had its answer."""
    caller: Caller = ANYBODY
    project: str | None = None
    model: str = ""
    """What its caller asked for."""
    hints: RaceHints = field(default_factory=RaceHints)
    quota: Quota | None = None
    """How the caller's limits stood when the request was let in."""
    budget_left: Decimal | None = None
    """US dollars the scarcest budget of the month had left, beside what is set aside for this."""
    cached: bool = False
    """Whether the answer came from OMEN's cache."""
    accepted_unix: float = 0.0
    """`accepted_at` in Unix time, for those who compare it with another process's clock."""

    @property
    def cost_usd(self) -> Decimal | None:
        """What the attempts cost together, as far as it is known; None where nothing is."""
        known = [a.cost_usd for a in self.attempts if a.cost_usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def premium_usd(self) -> Decimal | None:
        """What of it is not of the answer: the price of having raced, as far as it is known."""
        cost, won = self.cost_usd, self.winner.cost_usd if self.winner else None
        if cost is None or won is None:
            return None
        answered = (a.cost_usd for a in self.attempts if a is self.winner or a.outcome == "won")
        return cost - sum((usd for usd in answered if usd is not None), Decimal(0))


class Attempt(Protocol):
    """A running attempt, alive inside the `async with` that opened it."""

    async def receive(self) -> Sequence[Event]:
        """Wait for the events that arrive next, together; empty after `AnswerEnd` was given.

        **Raises.** `UpstreamFailure`, which ends the attempt.
        **Cancellation.** Nothing is lost: a cancelled `receive` may be called again.
        """
        ...

    def commit(self, *, shared: bool = False) -> None:
        """Claim the win. One synchronous step; a second claim in the same race is a bug.

        `shared`: the answer is made of several attempts, each of which claims its part.
        """
        ...


Rewrite = Callable[[ChatRequest], ChatRequest]
"""Makes another question of the caller's own."""


class OpenAttempt(Protocol):
    """Opens one attempt at one candidate; leaving the block closes its upstream stream.

    `rewrite` has it asked something else than the caller asked.

    Entering asks OMEN's own limits first and raises `AttemptDenied` when they do not allow the
    start; nothing was sent then. Otherwise it sends the request and waits for the response's
    headers. It raises `UpstreamFailure` when there is none or when it is an error. Closing never
    waits for the upstream.
    """

    def __call__(
        self, candidate: Candidate, role: Role = "primary", /, *, rewrite: Rewrite | None = None
    ) -> AbstractAsyncContextManager[Attempt]: ...


class Output(Protocol):
    """Where the winner's events go: a front end's writer, a collector, a recorder in tests.

    Called only from the winner's own task, and only after the commit. A slow reader makes `send`
    wait, and so slows the upstream.
    """

    async def send(self, events: Sequence[Event], /) -> None: ...


class Strategy(Protocol):
    """Runs a plan to its end and returns the candidate that won.

    **Raises.** `AllAttemptsFailed` or `MaxLatencyExceeded` when nobody committed; the winner's own
    `UpstreamFailure` when it died after its commit.
    **Cancellation.** Closes every attempt it opened.
    """

    async def __call__(
        self, plan: Plan, open_attempt: OpenAttempt, output: Output, /
    ) -> Candidate: ...


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an attempt must not start. `failover`: whether another candidate may be let in."""

    reason: str
    failover: bool = True


class Admission(Protocol):
    """Decides whether an attempt may start; returns None when it may.

    Synchronous. The attempt starts in the same step, unless another admission denies it: what one
    admission counts it counts when it hears that the attempt has started.
    """

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role, /) -> Denial | None: ...


class Reservation(Protocol):
    """Sets something aside for an attempt before the admissions decide; returns None when it did.

    **Cancellation.** Whoever settles the race gives back what was set aside for it.
    """

    async def __call__(
        self, race: RaceRecord, candidate: Candidate, role: Role, /
    ) -> Denial | None: ...


class Observer(Protocol):
    """Is told how attempts go. Synchronous and quick: it runs in the request's own task."""

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord, /) -> None: ...
