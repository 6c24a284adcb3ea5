"""Drafts: several answers to one question, each whole, side by side.

A draft is an attempt of which nothing goes to the client until it is chosen. Its task reads it to
its end and then waits, still owning it, until there has been a decision: so that the chosen one can
commit, and every other one, finished or not, is closed by the same cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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
from omen_strategies.kit import Gate

LONGEST_DRAFT = 4 << 20
"""Characters; what is longer is no draft but a flood, and must not fill the memory."""


@dataclass(slots=True, eq=False)
class Draft:
    """One whole answer. `order` is its candidate's place in the plan."""

    candidate: Candidate
    order: int
    attempt: Attempt
    events: list[Event] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a reader would see of it."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def rank(self) -> tuple[float, int]:
        """Order drafts from the best candidate on."""
        return -self.candidate.score, self.order


class Drafts:
    """Runs k candidates to their ends. A failed one is not replaced: it lowers k."""

    def __init__(self, plan: Plan, open_attempt: OpenAttempt) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._candidates = plan.candidates[: plan.k]
        self._changed = trio.Event()
        self._scopes = {candidate: trio.CancelScope() for candidate in self._candidates}
        self.complete: list[Draft] = []
        self.spent: list[Draft] = []
        """Drafts that have ended with nothing visible, and are answers for the last resort."""
        self.failed: list[FailedAttempt] = []
        self.late = False
        """Whether the commit deadline has passed."""

    @property
    def expected(self) -> int:
        """How many drafts there are, or may still be."""
        return len(self._candidates) - len(self.failed) - len(self.spent)

    @property
    def running(self) -> list[Candidate]:
        """List those that are not through."""
        ended = {draft.candidate for draft in (*self.complete, *self.spent)}
        through = ended | {failed.candidate for failed in self.failed}
        return [candidate for candidate in self._candidates if candidate not in through]

    def start(self, nursery: trio.Nursery) -> None:
        """Start every draft."""
        for order, candidate in enumerate(self._candidates):
            nursery.start_soon(self._run, candidate, order)

    def close(self, *, incomplete_only: bool = False) -> None:
        """Cancel those that still run, and unless told otherwise those that wait, too."""
        running = self.running
        for candidate, scope in self._scopes.items():
            if not incomplete_only or candidate in running:
                scope.cancel()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until there are enough, or can be no more, or the commit deadline has passed."""
        with trio.move_on_at(self._plan.commit_deadline) as scope:
            while self.running and not enough():
                await self._changed.wait()
        self.late = scope.cancelled_caught

    def no_answer_error(self) -> AllAttemptsFailed | MaxLatencyExceeded:
        """Make the error of a plan in which no draft is complete."""
        if self.late:
            return MaxLatencyExceeded(self.failed, self.running)
        return AllAttemptsFailed(self.failed)

    async def _run(self, candidate: Candidate, order: int) -> None:
        try:
            with self._scopes[candidate]:
                async with self._open_attempt(candidate, "draft") as attempt:
                    draft = Draft(candidate, order, attempt)
                    (self.complete if await self._read(draft) else self.spent).append(draft)
                    self._tell()
                    # Only for the connection, which can be kept when it was read to its end:
                    # nobody waits for that any more.
                    await attempt.receive()
                    await trio.sleep_forever()
        except UpstreamFailure as failure:
            self.failed.append(FailedAttempt(candidate, failure))
            self._tell()

    async def _read(self, draft: Draft) -> bool:
        """Read a draft to its end; return whether there is anything to see in it."""
        plan = self._plan
        gate = Gate(plan.min_useful_tokens, plan.reasoning_counts, keeps_last_resort=True)
        useful, length = False, 0
        while not (draft.events and isinstance(draft.events[-1], AnswerEnd)):
            events = await draft.attempt.receive()
            useful = useful or gate.add(events)
            draft.events += events
            length += sum(map(_length, events))
            if length > LONGEST_DRAFT:
                raise UpstreamFailure(
                    FailureKind.PROTOCOL, f"the draft is longer than {LONGEST_DRAFT} characters"
                )
        return not gate.is_last_resort

    def _tell(self) -> None:
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
