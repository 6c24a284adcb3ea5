"""Drafts: several complete answers to one request, side by side.

A draft is an attempt whose events do not go to the client until the draft is chosen. Its task reads
the attempt to its end and then waits for the decision, while it still owns the attempt. So the
chosen draft can commit, and one cancel closes every other draft, complete or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.errors import (
    AllAttemptsFailed,
    FailedAttempt,
    FailureKind,
    MaxLatencyExceeded,
    UpstreamFailure,
)
from omen.core.events import AnswerEnd, Event, ReasoningDelta, TextDelta, ToolCallDelta
from omen.core.plan import Attempt, OpenAttempt, Plan
from omen_strategies.kit import Gate, read_prelude

LONGEST_DRAFT = 4 << 20
"""Characters. A longer draft is a flood and must not fill the memory."""


@dataclass(slots=True, eq=False)
class Draft:
    """One draft. `order` is the place of its candidate in the plan."""

    candidate: Candidate
    order: int
    attempt: Attempt
    events: list[Event] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The visible text of the draft."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def rank(self) -> tuple[float, int]:
        """The sort key of drafts: the best candidate first, then the plan's order."""
        return -self.candidate.score, self.order


class Drafts:
    """The drafts of one plan: k candidates, each run to its end.

    A failed candidate is not replaced: it lowers k.
    """

    def __init__(self, plan: Plan, open_attempt: OpenAttempt) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._candidates = plan.candidates[: plan.k]
        self._changed = trio.Event()
        self._scopes = {candidate: trio.CancelScope() for candidate in self._candidates}
        self._started_at: dict[Candidate, float] = {}
        self.slowest = 0.0
        """The longest that a draft has taken to its end, in seconds."""
        self.complete: list[Draft] = []
        self.spent: list[Draft] = []
        """Drafts that have ended without visible content, and are answers for the last resort."""
        self.failed: list[FailedAttempt] = []
        self.late = False
        """Whether the commit deadline has passed."""

    @property
    def expected(self) -> int:
        """The number of drafts that are complete or may still become complete."""
        return len(self._candidates) - len(self.failed) - len(self.spent)

    @property
    def running(self) -> list[Candidate]:
        """The candidates that have started and not ended, in the plan's order."""
        ended = {draft.candidate for draft in (*self.complete, *self.spent)}
        ended |= {failed.candidate for failed in self.failed}
        return [candidate for candidate in self._started_at if candidate not in ended]

    @property
    def started(self) -> int:
        """The number of drafts that have started."""
        return len(self._started_at)

    @property
    def unstarted(self) -> int:
        """The number of drafts that have not started."""
        return len(self._candidates) - self.started

    def start(self, nursery: trio.Nursery, count: int | None = None) -> None:
        """Start the next drafts in the plan's order, so many of them; None: all."""
        begin = self.started
        end = None if count is None else begin + count
        for order, candidate in enumerate(self._candidates[begin:end], begin):
            self._started_at[candidate] = trio.current_time()
            nursery.start_soon(self._run, candidate, order)

    def close(self, *, incomplete_only: bool = False) -> None:
        """Cancel all drafts: the running ones and the complete ones that wait for the decision.

        `incomplete_only`: cancel the running ones only.
        """
        running = self.running
        for candidate, scope in self._scopes.items():
            if not incomplete_only or candidate in running:
                scope.cancel()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until `enough()` is true, no draft is running, or the commit deadline has passed."""
        while self.running and not self.late and not enough():
            await self.change()

    async def change(self, by: float = inf) -> None:
        """Wait until a draft ends, until a time, or until the commit deadline has passed."""
        deadline = self._plan.commit_deadline
        with trio.move_on_at(min(by, deadline)) as scope:
            await self._changed.wait()
        self.late = scope.cancelled_caught and by >= deadline

    def no_answer_error(self) -> AllAttemptsFailed | MaxLatencyExceeded:
        """Return the error of a plan in which no draft is complete."""
        if self.late:
            return MaxLatencyExceeded(self.failed, self.running)
        return AllAttemptsFailed(self.failed)

    async def _run(self, candidate: Candidate, order: int) -> None:
        try:
            with self._scopes[candidate]:
                async with self._open_attempt(candidate, "draft") as attempt:
                    draft = Draft(candidate, order, attempt)
                    has_content = await self._read(draft)
                    took = trio.current_time() - self._started_at[candidate]
                    self.slowest = max(self.slowest, took)
                    # The draft is complete before its response has ended. The rest of the response
                    # is read only so that the connection can be reused, and must delay nothing.
                    (self.complete if has_content else self.spent).append(draft)
                    self._notify()
                    await attempt.receive()
                    await trio.sleep_forever()
        except UpstreamFailure as failure:
            self.failed.append(FailedAttempt(candidate, failure))
            self._notify()

    async def _read(self, draft: Draft) -> bool:
        """Read a draft to its end; return whether it has visible content."""
        plan = self._plan
        gate = Gate(plan.min_useful_tokens, plan.reasoning_counts, keeps_last_resort=True)
        await read_prelude(draft.attempt, gate, draft.events)
        length = sum(map(_length, draft.events))
        while not isinstance(draft.events[-1], AnswerEnd):
            events = await draft.attempt.receive()
            draft.events += events
            length += sum(map(_length, events))
            if length > LONGEST_DRAFT:
                raise UpstreamFailure(
                    FailureKind.PROTOCOL, f"the draft is longer than {LONGEST_DRAFT} characters"
                )
        return not gate.is_last_resort

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _length(event: Event) -> int:
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text):
            return len(text)
        case ToolCallDelta(arguments=arguments):
            return len(arguments)
        case AnswerEnd():
            return 0
        case _:
            return 32
