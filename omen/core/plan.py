"""The contract between router, engine and strategies: a plan, its records, and the protocols.

A strategy gets a `Plan`, an `OpenAttempt` and an `Output`, and decides the winner. The engine runs
the strategy and knows only these protocols. This module imports the vocabulary and nothing else.
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
from omen.core.hints import MergeMethod, RaceHints

Outcome = Literal["running", "won", "lost", "failed", "timed_out", "client_cancelled", "denied"]
"""The outcome of an attempt. `denied`: the attempt never started."""
Role = Literal[
    "primary", "entrant", "failover", "hedge", "retry", "draft", "judge", "cache", "embed", "count"
]
"""The reason for the start of an attempt. `primary`: the first attempt of the plan. `entrant`:
another attempt that starts with the race. `failover`: replaces a failed attempt. `hedge`: runs
beside a slow attempt. `retry`: repeats the same candidate. `draft` and `judge`: parts of a merged
answer. `cache`: the answer came from the cache and no request was sent. `embed`: turns texts into
vectors. `count`: counts the tokens of a prompt."""
EXTRA_LOAD: frozenset[Role] = frozenset({"hedge", "retry"})
"""Extra starts: the caller did not request them, so they draw from the hedge budget."""
NO_CHAT: frozenset[Role] = frozenset({"cache", "embed", "count"})
"""Roles that are no evidence of how a provider answers chats; forecasts and health skip them."""
_FREE: frozenset[Role] = frozenset({"cache", "count"})
"""Roles that no vendor bills: answers from OMEN's cache, and counting tokens (docs.claude.com,
token counting, 2026-11-30)."""
_NOT_ENCODED = frozenset({FailureKind.UNSUPPORTED, FailureKind.INTERNAL})
"""Failures of `encode`: the request could not be written, so nothing was sent."""
_ONE_AT_FIRST = frozenset({"single", "speculate_k"})
Moment = Literal["started", "progressed", "useful", "committed", "ended", "denied"]
"""A moment in an attempt's life, for observers. `useful`: the answer reached the configured
threshold of useful tokens, whether or not the attempt committed."""
CutReason = Literal["lost", "client_left", "max_latency", "total_timeout", "shutdown"]
"""Why a running attempt was cancelled from outside. `shutdown`: any other cancellation of the
request (the server's drain timeout passed, or the server stopped at once)."""


@dataclass(frozen=True, slots=True)
class Merge:
    """How several drafts become one answer. `quorum`: the drafts to wait for; None: all drafts."""

    method: MergeMethod = "synthesize"
    judge: Candidate | None = None
    quorum: int | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """The router's forecast for a plan: the probability of a useful token by the deadline.

    `probability` is None while there are too few measurements of the candidates. `target` is the
    probability that the router aims at.
    """

    probability: float | None
    target: float
    deadline: float
    """A point on trio's clock."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The router's decision, made before any request is sent.

    Deadlines are points on trio's clock; `inf` means none. `candidates` are in starting order.
    Money is US dollars.
    """

    strategy: str
    candidates: tuple[Candidate, ...]
    k: int = 2
    min_useful_tokens: int = 5
    reasoning_counts: bool = False
    intent: str | None = None
    commit_deadline: float = inf
    total_deadline: float = inf
    hedge_delays: Mapping[Candidate, float] = field(default_factory=dict)
    """Seconds to wait for a candidate's commit before a hedge starts beside it. A candidate without
    an entry is never hedged. The delays are valid for any order of the candidates."""
    merge: Merge = field(default_factory=Merge)
    restart: bool = False
    """Whether another candidate answers from the beginning after a committed stream broke."""
    budget_usd: Decimal | None = None
    """The most that all attempts together may cost. None: no bound."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Candidates that cannot serve the request: `provider/model` and the reason of each."""
    reason: str = ""
    """Why the candidates are in this order."""
    sticky: Candidate | None = None
    """The candidate that produced the conversation so far; stickiness puts it first."""
    expected: Expectation | None = None
    """Set when OMEN itself chose the strategy, in order to meet the commit deadline."""

    @property
    def starts(self) -> int:
        """The number of attempts that start at once. Hedges start later, if at all."""
        return 1 if self.strategy in _ONE_AT_FIRST else min(self.k, len(self.candidates))

    def is_extra(self, role: Role) -> bool:
        """Return whether a start in this role is extra load, which the caller did not request.

        A race's entrants are extra load if OMEN itself chose to race.
        """
        return role in EXTRA_LOAD or (role == "entrant" and self.expected is not None)


@dataclass(slots=True, eq=False)
class AttemptRecord:
    """The record of one attempt, updated while it runs. Times are on trio's clock."""

    index: int
    candidate: Candidate
    started_at: float
    role: Role = "primary"
    responded_at: float | None = None
    """When the response had begun and was known to be a stream."""
    first_token_at: float | None = None
    measured: bool = False
    """Whether `useful_at` is measured for this attempt."""
    useful_at: float | None = None
    """When the answer reached the configured threshold of useful tokens, whatever the caller's own
    threshold is and whether or not the attempt committed. Time in which the client delayed the
    attempt is left out."""
    committed_at: float | None = None
    shared: bool = False
    """Whether the attempt committed to a part of the answer, beside other attempts."""
    ended_at: float | None = None
    outcome: Outcome = "running"
    tokens: int = 0
    """Generated tokens that arrived: the provider's count, else an estimate from the text."""
    pieces: int = 0
    """The number of deltas that carried them. Each delta holds at least one token."""
    prompt: PromptSize | None = None
    """Measured only if the provider reported no usage."""
    complete: bool = False
    """Whether the whole answer arrived."""
    usage: Usage | None = None
    failure: UpstreamFailure | None = None
    denied: str | None = None
    """Why the attempt was never started, if it was denied."""
    cut: CutReason | None = None
    """Set together with `ended_at` if the attempt was cancelled from outside."""
    cut_at: float | None = None
    """When the cancellation was decided. From `cut_at` to `ended_at` the upstream's connection was
    still being closed."""
    rate_limits: RateLimits | None = None
    """The rest of the gateway's rate limits, from the upstream's response headers."""

    @property
    def cost(self) -> Cost:
        """The cost of the attempt so far, with its provenance."""
        candidate, failure = self.candidate, self.failure
        if self.usage is not None:
            return cost_from_usage(candidate.card.price, self.usage)
        if self.outcome == "denied" or self.role in _FREE or self._was_never_sent:
            return NOTHING
        if failure is not None and self.responded_at is None:
            # No vendor bills a request that it refused with a status. Without a status (a broken
            # connection) the upstream may have generated an answer that never arrived.
            refused = failure.upstream_status is not None
            return Cost(Decimal(0), "estimated" if refused else "at_least")
        # After a failure (a broken stream, a timeout) the upstream may have generated and billed
        # more than what arrived, whatever it does on a cancel.
        stops_billing = bool(candidate.quirks.cancel_stops_billing) and failure is None
        return partial_cost(
            candidate.card.price,
            self.prompt,
            tokens=self.tokens,
            pieces=self.pieces,
            responded=self.responded_at is not None,
            stops_billing=stops_billing,
        )

    @property
    def _was_never_sent(self) -> bool:
        """Whether the request could not be encoded for its candidate."""
        failure = self.failure
        if failure is None or self.responded_at is not None:
            return False
        return failure.upstream_status is None and failure.kind in _NOT_ENCODED

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost in US dollars, without its provenance; None if unknown."""
        return self.cost.usd


@dataclass(slots=True, eq=False)
class RaceRecord:
    """The record of one request's race: its plan, its attempts in starting order, its winner."""

    race_id: str
    plan: Plan
    accepted_at: float
    request_id: str = ""
    attempts: list[AttemptRecord] = field(default_factory=list)
    winner: AttemptRecord | None = None
    """The first attempt that committed; after a restart, the first one since the restart."""
    ended_at: float | None = None
    restarts: int = 0
    prompt: PromptSize | None = None
    """The bounds of the prompt's tokens. None until they are needed."""
    client_left_at: float | None = None
    """When the client's disconnect was noticed, if it came before the end of the answer."""
    caller: Caller = ANYBODY
    project: str | None = None
    model: str = ""
    """The model as the caller named it."""
    hints: RaceHints = field(default_factory=RaceHints)
    quota: Quota | None = None
    """The caller's rate limits when the request was admitted."""
    budget_left: Decimal | None = None
    """US dollars left in the scarcest monthly budget, without the reservation of this request."""
    cached: bool = False
    """Whether the answer came from OMEN's cache."""
    accepted_unix: float = 0.0
    """`accepted_at` in Unix time, for comparison with the clock of another process."""

    @property
    def cost_usd(self) -> Decimal | None:
        """The sum of the attempts' known costs; None if none is known."""
        known = [a.cost_usd for a in self.attempts if a.cost_usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def premium_usd(self) -> Decimal | None:
        """The part of the known cost that the answer itself did not need: the price of racing."""
        cost, winner_cost = self.cost_usd, self.winner.cost_usd if self.winner else None
        if cost is None or winner_cost is None:
            return None
        answered = (a.cost_usd for a in self.attempts if a is self.winner or a.outcome == "won")
        return cost - sum((usd for usd in answered if usd is not None), Decimal(0))


class Attempt(Protocol):
    """A running attempt, alive inside the `async with` that opened it."""

    async def receive(self) -> Sequence[Event]:
        """Return the next events that arrive together; an empty sequence after `AnswerEnd`.

        **Raises.** `UpstreamFailure`, which ends the attempt.
        **Cancellation.** Nothing is lost: a cancelled `receive` may be called again.
        """
        ...

    def commit(self, *, shared: bool = False) -> None:
        """Claim the win. One synchronous step; a second claim in the same race is a bug.

        `shared`: several attempts form the answer, and each of them claims its part.
        """
        ...


Rewrite = Callable[[ChatRequest], ChatRequest]
"""Returns another request, made from the caller's request."""


class OpenAttempt(Protocol):
    """Opens one attempt at one candidate; leaving the block closes its upstream stream.

    `rewrite` replaces the caller's request for this attempt.

    Entering checks OMEN's own limits first. If they do not allow the start it raises
    `AttemptDenied`, before anything is sent. Otherwise it sends the request and waits for the
    response's headers. It raises `UpstreamFailure` if there is no response or the response is an
    error. Closing never waits for the upstream.
    """

    def __call__(
        self, candidate: Candidate, role: Role = "primary", /, *, rewrite: Rewrite | None = None
    ) -> AbstractAsyncContextManager[Attempt]: ...


class Output(Protocol):
    """The destination of the winner's events: a front end's writer, a collector, a test recorder.

    `send` is called only from the winner's own task, and only after the commit. A slow client makes
    `send` wait, and so slows the upstream.
    """

    async def send(self, events: Sequence[Event], /) -> None: ...


class Strategy(Protocol):
    """Runs a plan to its end and returns the candidate that won.

    **Raises.** `AllAttemptsFailed` or `MaxLatencyExceeded` when no attempt committed; the winner's
    own `UpstreamFailure` when its stream broke after its commit.
    **Cancellation.** Closes every attempt that it opened.
    """

    async def __call__(
        self, plan: Plan, open_attempt: OpenAttempt, output: Output, /
    ) -> Candidate: ...


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an attempt must not start. `failover`: whether another candidate may be admitted."""

    reason: str
    failover: bool = True


class Admission(Protocol):
    """Decides whether an attempt may start; returns None when it may.

    Synchronous. The attempt starts in the same step, unless a later admission denies it. So an
    admission must not count a start here: it counts when it observes the moment `started`.
    """

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role, /) -> Denial | None: ...


class Reservation(Protocol):
    """Reserves budget for an attempt before the admissions decide; returns None when it did.

    **Cancellation.** The reservation stays. The code that settles the race releases it.
    """

    async def __call__(
        self, race: RaceRecord, candidate: Candidate, role: Role, /
    ) -> Denial | None: ...


class Observer(Protocol):
    """Receives the moments of each attempt. Synchronous and fast: it runs in the request's task."""

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord, /) -> None: ...
