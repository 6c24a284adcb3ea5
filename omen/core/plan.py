"""The contract between router, engine and strategies: a plan, and the protocols of a strategy.

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

from omen.core.answer_checks import AnswerChecks
from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import FAILOVER_KINDS, FailureKind
from omen.core.events import Event
from omen.core.hints import MergeMethod, ReasoningCounts

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
_ONE_AT_FIRST = frozenset({"single", "speculate_k"})


VoteEnd = Literal["decided", "risk", "deadline", "exhausted"]
"""Why a vote ended: no other answer could catch up; another one was too unlikely to; the commit
deadline passed; every draft was complete or had failed."""


@dataclass(slots=True)
class Vote:
    """What became of a vote. The strategy fills it in."""

    drafts: int = 0
    """The drafts that were started."""
    votes: tuple[int, ...] = ()
    """The votes of each distinct answer, most first."""
    upset: float | None = None
    """The probability, at most, that the full vote would have chosen another answer."""
    end: VoteEnd | None = None
    """None while it goes on."""


@dataclass(frozen=True, slots=True)
class Merge:
    """How several drafts become one answer. `quorum`: the drafts to wait for; None: all drafts.

    `risk`: a vote may end as soon as the full vote would choose another answer with at most this
    probability. None: it ends when that is impossible.
    """

    method: MergeMethod = "synthesize"
    judge: Candidate | None = None
    quorum: int | None = None
    risk: float | None = None
    vote: Vote | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Spare:
    """How long the runner-up of a race is kept after the commit, to take the winner's place.

    It is kept until `seconds` have passed or the winner has sent `tokens` visible tokens.
    """

    seconds: float
    tokens: int


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


def _always() -> bool:
    return True


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
    reasoning_counts: ReasoningCounts = False
    intent: str | None = None
    commit_deadline: float = inf
    """For the first useful token, as the caller or the operator wants it."""
    begin_deadline: float = inf
    """For the commit at the latest: the server's own timeout. An answer that has begun is bounded
    by the timeouts of its attempt, so a stream that flows is not cut because it is long."""
    total_deadline: float = inf
    """For the end of the answer, as the caller wants it."""
    hedge_delays: Mapping[Candidate, float] = field(default_factory=dict)
    """Seconds to wait for a candidate's commit before a hedge starts beside it. A candidate without
    an entry is never hedged. The delays are valid for any order of the candidates."""
    merge: Merge = field(default_factory=Merge)
    restart: bool = False
    """Whether another candidate answers from the beginning after a committed stream broke."""
    spare: Spare | None = None
    """Set only if the client sees nothing before the end of the answer: a spare answers from its
    beginning. None: every loser is cancelled at the commit."""
    budget_usd: Decimal | None = None
    """The most that all attempts together may cost. None: no bound."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Candidates that cannot serve the request: `provider/model` and the reason of each."""
    reason: str = ""
    """Why the candidates are in this order."""
    failover_on: frozenset[FailureKind] = FAILOVER_KINDS
    """The kinds of failure after which another candidate may be tried."""
    gate: tuple[str, ...] = ()
    """The checks that the beginning of an answer must pass to win: `omen.core.answer_checks`."""
    make_checks: Callable[[], AnswerChecks] | None = field(default=None, compare=False, repr=False)
    """Returns the checks of `gate` for one answer. Set only in the plan that a strategy gets,
    because they know the request. None: no check has anything to say."""
    allows_extra: Callable[[], bool] = field(default=_always, compare=False, repr=False)
    """Whether the budget of extra starts has a token now. A strategy that would have to wait before
    an extra start asks first, so that no request waits for a start that is denied then."""
    sticky: Candidate | None = None
    """The candidate that produced the conversation so far; stickiness puts it first."""
    expected: Expectation | None = None
    """Set when OMEN itself chose the strategy, in order to meet the commit deadline."""

    @property
    def answer_deadline(self) -> float:
        """When a request without an answer ends at the latest."""
        return min(self.begin_deadline, self.total_deadline)

    @property
    def starts(self) -> int:
        """The number of attempts that start at once. Hedges start later, if at all."""
        return 1 if self.strategy in _ONE_AT_FIRST else min(self.k, len(self.candidates))

    def is_extra(self, role: Role) -> bool:
        """Return whether a start in this role is extra load, which the caller did not request.

        A race's entrants are extra load if OMEN itself chose to race.
        """
        return role in EXTRA_LOAD or (role == "entrant" and self.expected is not None)


class Attempt(Protocol):
    """A running attempt, alive inside the `async with` that opened it."""

    async def receive(self) -> Sequence[Event]:
        """Return the next events that arrive together; an empty sequence after `AnswerEnd`.

        **Raises.** `UpstreamFailure`, which ends the attempt.
        **Cancellation.** Nothing is lost: a cancelled `receive` may be called again.
        """
        ...

    def commit(self, *, shared: bool = False, takes_over: bool = False) -> None:
        """Claim the win. One synchronous step; a second claim in the same race is a bug.

        `shared`: several attempts form the answer, and each of them claims its part. `takes_over`:
        this paused attempt takes the place of the winner.
        """
        ...

    def pause(self) -> None:
        """Record that the attempt is kept as a spare: it is not read until it takes over."""
        ...

    def release(self) -> None:
        """Record that the paused attempt is not needed: its stream is about to be closed."""
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
