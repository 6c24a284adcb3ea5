"""Choices: k streams at once, each a choice of one response. Nobody loses.

A stream becomes a choice when it is useful, and gets the next number. Its events go out as they
come, each piece after a `ChoiceSwitch` that says whose it is. One that fails before it is useful
was never there. One that dies later leaves its choice without an end: the others go on to theirs,
and then the answer ends in that failure, because a response with a hole in it is no success.

At `max_latency_ms` those that have said nothing visible are given up, unless nobody has: then that
is the error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.errors import AllAttemptsFailed, FailedAttempt, MaxLatencyExceeded, UpstreamFailure
from omen.core.events import AnswerEnd, AnswerStart, ChoiceEnd, ChoiceSwitch, Event, Usage
from omen.core.plan import Attempt, OpenAttempt, Output, Plan
from omen_strategies.kit import Gate


async def stream_choices(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Stream k candidates side by side; return who was the first to be useful."""
    choices = _Choices(plan, open_attempt, output)
    async with trio.open_nursery() as nursery:
        for candidate in plan.candidates[: plan.k]:
            nursery.start_soon(choices.run, candidate)
    return choices.conclude()


class _Choices:
    def __init__(self, plan: Plan, open_attempt: OpenAttempt, output: Output) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._output = output
        self._turn = trio.Lock()
        self._running = len(plan.candidates[: plan.k])
        self._begun: list[Candidate] = []
        self._usages: list[Usage | None] = []
        self._failed: list[FailedAttempt] = []
        self._late: list[Candidate] = []
        self._broken: UpstreamFailure | None = None

    async def run(self, candidate: Candidate) -> None:
        """Run one choice to its end."""
        index: int | None = None
        is_through = False
        try:
            with trio.CancelScope(deadline=self._plan.commit_deadline) as opening:
                async with self._open_attempt(candidate, "draft") as attempt:
                    opening.deadline = inf
                    prelude = await self._prelude(attempt)
                    if prelude:
                        attempt.commit(shared=True)
                        index = len(self._begun)
                        self._begun.append(candidate)
                        await self._relay(index, prelude, attempt)
                        is_through = True
                        await self._end_if_last()
                        # Only for the connection, which can be kept when it was read to its end.
                        await attempt.receive()
            if index is None:
                self._late.append(candidate)
        except UpstreamFailure as failure:
            if index is None:
                self._failed.append(FailedAttempt(candidate, failure))
            else:
                self._broken = failure
        if not is_through:
            await self._end_if_last()

    async def _end_if_last(self) -> None:
        """End the answer when every choice is through, if it is whole."""
        self._running -= 1
        if self._running == 0 and self._begun and self._broken is None:
            await self._output.send([AnswerEnd("stop", _together(self._usages))])

    async def _prelude(self, attempt: Attempt) -> list[Event]:
        """Read until it is useful; nothing, if the deadline passed and it had said nothing."""
        plan = self._plan
        gate = Gate(plan.min_useful_tokens, plan.reasoning_counts, keeps_last_resort=True)
        prelude: list[Event] = []
        useful = False
        with trio.move_on_at(plan.commit_deadline):
            while not useful:
                events = await attempt.receive()
                prelude += events
                # A choice takes nothing from the others, so one with nothing visible is one, too.
                useful = gate.add(events) or gate.is_last_resort
        return prelude if useful or gate.visible else []

    async def _relay(self, index: int, prelude: Sequence[Event], attempt: Attempt) -> None:
        """Send one choice's events, up to its end."""
        events = prelude
        while True:
            end = events[-1] if isinstance(events[-1], AnswerEnd) else None
            if end is not None:
                self._usages.append(end.usage)
                events = [*events[:-1], ChoiceEnd(end.reason)]
            if index:
                # The response has begun once, with the first one's name and marks.
                events = [event for event in events if not isinstance(event, AnswerStart)]
            async with self._turn:
                await self._output.send([ChoiceSwitch(index), *events])
            if end is not None:
                return
            events = await attempt.receive()

    def conclude(self) -> Candidate:
        """Return the first choice's candidate, after the answer's end, or raise what went wrong."""
        if not self._begun:
            if self._late:
                raise MaxLatencyExceeded(self._failed, self._late)
            raise AllAttemptsFailed(self._failed)
        if self._broken is not None:
            raise self._broken
        return self._begun[0]


def _together(usages: Sequence[Usage | None]) -> Usage | None:
    """Add up what the choices took, as one response; None when one of them did not say."""
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages) or not known:
        return None
    prompt: Counter[str] = Counter()
    completion: Counter[str] = Counter()
    for usage in known:
        prompt.update(usage.prompt_details)
        completion.update(usage.completion_details)
    return replace(
        known[0],
        prompt_tokens=sum(usage.prompt_tokens for usage in known),
        completion_tokens=sum(usage.completion_tokens for usage in known),
        prompt_details=dict(prompt),
        completion_details=dict(completion),
        cache_write_1h_tokens=sum(usage.cache_write_1h_tokens for usage in known),
        billed_usd=None,
    )
