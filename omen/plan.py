"""The contract between router, engine and strategies: a plan, its records, and four protocols.

A strategy gets a `Plan`, a way to open attempts and an output, and decides who wins. The engine
runs it and knows only these protocols. Everything here points at the vocabulary and at nothing
else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf
from typing import Literal, Protocol

from omen.candidates import Candidate
from omen.errors import UpstreamFailure
from omen.events import Event, Usage
from omen.frames import RateLimits

Outcome = Literal["running", "won", "lost", "failed", "timed_out", "client_cancelled"]
Moment = Literal["started", "progressed", "committed", "ended"]
CutReason = Literal["lost", "client_left", "max_latency", "total_timeout", "shutdown"]
"""Why a running attempt was cut off from outside. `shutdown` is whatever else cancels a request:
the server has drained for long enough, or was told to stop at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the router decided, before anything is sent.

    Deadlines are points on trio's clock; `inf` means none. `candidates` are in starting order.
    """

    strategy: str
    candidates: tuple[Candidate, ...]
    k: int = 2
    min_useful_tokens: int = 5
    reasoning_counts: bool = False
    intent: str | None = None
    commit_deadline: float = inf
    total_deadline: float = inf


@dataclass(slots=True, eq=False)
class AttemptRecord:
    """How one attempt went, kept up to date while it runs. Times are on trio's clock."""

    index: int
    candidate: Candidate
    started_at: float
    responded_at: float | None = None
    """When the upstream's response had begun and was a stream."""
    first_token_at: float | None = None
    committed_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome = "running"
    tokens: int = 0
    """Generated tokens seen: what the provider reported, else an estimate from the text."""
    complete: bool = False
    """Whether the whole answer arrived."""
    usage: Usage | None = None
    failure: UpstreamFailure | None = None
    cut: CutReason | None = None
    """Set with `ended_at`, if something else had it end."""
    cut_at: float | None = None
    """When that was decided. From here to `ended_at` its upstream was not rid of us yet."""
    rate_limits: RateLimits | None = None
    """What its upstream said is left of the gateway's share, with its answer's headers."""

    @property
    def cost_usd(self) -> Decimal | None:
        """What it cost: the provider's own bill, or its own count at its price; None if unknown."""
        if self.usage is None:
            return None
        price = self.candidate.card.price
        return self.usage.billed_usd if price is None else price.cost(self.usage)


@dataclass(slots=True, eq=False)
class RaceRecord:
    """One request's race: its plan, every attempt in starting order, and who won."""

    race_id: str
    plan: Plan
    accepted_at: float
    request_id: str = ""
    attempts: list[AttemptRecord] = field(default_factory=list)
    winner: AttemptRecord | None = None
    ended_at: float | None = None
    client_left_at: float | None = None
    """When the client was seen to have left before it had its answer."""
    accepted_unix: float = 0.0
    """`accepted_at` in Unix time, for those who compare it with another process's clock."""

    @property
    def cost_usd(self) -> Decimal | None:
        """What the attempts cost together, as far as it is known; None where nothing is."""
        known = [a.cost_usd for a in self.attempts if a.cost_usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def premium_usd(self) -> Decimal | None:
        """What of it is not the winner's: the price of having raced, as far as it is known."""
        won = self.winner.cost_usd if self.winner else None
        return None if self.cost_usd is None or won is None else self.cost_usd - won


class Attempt(Protocol):
    """A running attempt, alive inside the `async with` that opened it."""

    async def receive(self) -> Sequence[Event]:
        """Wait for the events that arrive next, together; empty after `AnswerEnd` was given.

        **Raises.** `UpstreamFailure`, which ends the attempt.
        **Cancellation.** Nothing is lost: a cancelled `receive` may be called again.
        """
        ...

    def commit(self) -> None:
        """Claim the win. One synchronous step; a second claim in the same race is a bug."""
        ...


class OpenAttempt(Protocol):
    """Opens one attempt at one candidate; leaving the block closes its upstream stream.

    Entering sends the request and waits for the response's headers. It raises `UpstreamFailure`
    when there is none or when it is an error. Closing never waits for the upstream.
    """

    def __call__(self, candidate: Candidate, /) -> AbstractAsyncContextManager[Attempt]: ...


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


class Observer(Protocol):
    """Is told how attempts go. Synchronous and quick: it runs in the request's own task."""

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord, /) -> None: ...
