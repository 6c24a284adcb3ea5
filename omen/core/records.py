"""The records of a race and its attempts, and the protocols of the parts that decide on them.

A record is kept up to date while its attempt runs. Admissions and reservations decide whether an
attempt may start; observers receive the moments of its life.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol, get_args

from omen.core.callers import ANYBODY, Caller, Quota
from omen.core.candidates import Candidate
from omen.core.costs import LONGEST_THOUGHT, NOTHING, Cost, cost_from_usage, partial_cost
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import FinishReason, Usage
from omen.core.frames import RateLimits
from omen.core.gaps import TokenGaps
from omen.core.hints import RaceHints
from omen.core.plan import Plan, Role
from omen.core.prompt_size import PromptSize
from omen.core.trace import Trace

Outcome = Literal["running", "won", "lost", "failed", "timed_out", "client_cancelled", "denied"]
"""The outcome of an attempt. `denied`: the attempt never started."""
NO_CHAT: frozenset[Role] = frozenset({"cache", "embed", "count"})
"""Roles that are no evidence of how a provider answers chats; forecasts and health skip them."""
_FREE: frozenset[Role] = frozenset({"cache", "count"})
"""Roles that no vendor bills: answers from OMEN's cache, and counting tokens (docs.claude.com,
token counting, 2026-11-30)."""
_NOT_ENCODED = frozenset({FailureKind.UNSUPPORTED, FailureKind.INTERNAL})
"""Failures of `encode`: the request could not be written, so nothing was sent."""
Moment = Literal["started", "progressed", "useful", "committed", "ended", "denied"]
"""A moment in an attempt's life, for observers. `useful`: the answer reached the configured
threshold of useful tokens, whether or not the attempt committed."""
CutReason = Literal["lost", "client_left", "max_latency", "total_timeout", "shutdown"]
"""Why a running attempt was cancelled from outside. `shutdown`: any other cancellation of the
request (the server's drain timeout passed, or the server stopped at once)."""
MOMENTS: tuple[Moment, ...] = get_args(Moment)


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
    unsent: bool = False
    """Whether nothing of the request can have reached the upstream: there was no connection yet. A
    foreign transport does not tell, and then it is False."""
    tokens: int = 0
    """Generated tokens that arrived: the provider's count, else an estimate from the text."""
    pieces: int = 0
    """The number of deltas that carried them. Each delta holds at least one token."""
    thinking_seconds: float = 0.0
    """How long the upstream was waited for from its response until the first text or call of the
    answer. Time in which the client delayed the attempt is left out."""
    thought_tokens: int = 0
    """The part of `tokens` that arrived until then."""
    pace: float | None = None
    """Tokens per second of the model's hidden thought. None if it has none, or if the provider
    reported usage."""
    gaps: TokenGaps | None = None
    """The gaps between arrivals of tokens; None before the first one. Time in which the client
    delayed the attempt is left out."""
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
    paused_at: float | None = None
    """When it lost and was kept as a spare, without being read."""
    released_at: float | None = None
    """When the spare was no longer needed."""
    cut_at: float | None = None
    """When the cancellation was decided. From `cut_at` to `ended_at` the upstream's connection was
    still being closed."""
    rate_limits: RateLimits | None = None
    """The rest of the gateway's rate limits, from the upstream's response headers."""
    finish: FinishReason | None = None
    """Why the model stopped; None while it has not."""
    response_model: str | None = None
    """The model that answered, as the upstream named it."""
    trace: Trace | None = None
    """What its upstream requests carry of the request's trace."""

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
        # more than what arrived, whatever it does on a cancel. Nothing follows a complete answer.
        # And more than what arrived may have been generated for a spare, which is not read.
        does_stop = bool(candidate.quirks.cancel_stops_billing) and failure is None
        does_stop = does_stop and self.paused_at is None
        return partial_cost(
            candidate.card.price,
            self.prompt,
            tokens=self.tokens,
            pieces=self.pieces,
            responded=self.responded_at is not None,
            stops_billing=self.complete or does_stop,
            hidden=self.hidden_tokens,
            longest=candidate.card.max_output,
        )

    @property
    def hidden_tokens(self) -> int:
        """The tokens that were probably generated in hidden thought, beyond those that arrived.

        0 if the provider reported usage.
        """
        if self.pace is None or self.usage is not None:
            return 0
        hidden = round(self.pace * self.thinking_seconds) - self.thought_tokens
        return max(0, min(hidden, self.candidate.card.max_output or LONGEST_THOUGHT))

    @property
    def _was_never_sent(self) -> bool:
        """Whether the request had no connection, or could not be encoded for its candidate."""
        if self.unsent:
            return True
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
    """The first attempt that committed; after a restart, the first one since the restart. A spare
    that took over replaces it."""
    ended_at: float | None = None
    restarts: int = 0
    rescues: int = 0
    """How often a spare took the place of a winner of which the client had seen nothing."""
    is_held: bool = False
    """Whether the client sees nothing before the end of the answer, because it is one body."""
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
    has_budget: bool = False
    """Whether a budget bounds the race, so that money is reserved before each attempt."""
    cached: bool = False
    """Whether the answer came from OMEN's cache."""
    pressure: int = 0
    """The level of the gateway's own pressure that made its plan smaller; 0 if none did."""
    accepted_unix: float = 0.0
    """`accepted_at` in Unix time, for comparison with the clock of another process."""
    trace: Trace | None = None
    """The trace of the request; None if it belongs to none."""

    @property
    def is_settled(self) -> bool:
        """Whether every attempt has ended or reported its usage: no cost will change any more."""
        return all(
            a.complete or a.usage is not None or a.outcome != "running" for a in self.attempts
        )

    @property
    def final_cost_usd(self) -> Decimal | None:
        """The cost to report with the end of the answer; None while losers are still running."""
        return self.cost_usd if self.is_settled else None

    @property
    def cost_usd(self) -> Decimal | None:
        """The sum of the attempts' known costs; None if none is known."""
        known = [a.cost_usd for a in self.attempts if a.cost_usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def premium_usd(self) -> Decimal | None:
        """The part of the known cost that the answer itself did not need: the price of racing.

        None while losers are still running.
        """
        cost, winner_cost = self.final_cost_usd, self.winner.cost_usd if self.winner else None
        if cost is None or winner_cost is None:
            return None
        answered = (a.cost_usd for a in self.attempts if a is self.winner or a.outcome == "won")
        return cost - sum((usd for usd in answered if usd is not None), Decimal(0))


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an attempt must not start. `failover`: whether another candidate may be admitted.

    `retryable`: whether the start may be allowed soon. A slot becomes free; a budget does not.
    """

    reason: str
    failover: bool = True
    retryable: bool = True


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
    """Receives moments of each attempt. Synchronous and fast: it runs in the request's task.

    An observer with an attribute `moments` receives these only; see `moments_of`.
    """

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord, /) -> None: ...


def moments_of(observer: Observer) -> Collection[Moment]:
    """Return the moments that an observer receives: all, unless it has an attribute `moments`."""
    moments: Collection[Moment] = getattr(observer, "moments", MOMENTS)
    return moments
