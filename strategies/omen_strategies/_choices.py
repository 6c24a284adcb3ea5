"""Choices: k streams at once, each of them one choice of the response. No stream loses.

A stream becomes a choice when it is useful, and gets the next index. Its events are sent as they
arrive, each batch after a `ChoiceSwitch` with that index. A stream that fails before it is useful
does not appear in the response. A stream that breaks later leaves its choice without an end: the
other choices run to their ends, and then the answer ends with that failure, because an incomplete
response is not a success.

At `max_latency_ms` the streams without visible output are given up. If no stream has any, that is
the error.
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
from omen_strategies.kit import Gate, read_prelude


async def stream_choices(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Stream k candidates side by side; return the candidate that was useful first."""
    choices = _Choices(plan, open_attempt, output)
    async with trio.open_nursery() as nursery:
        for candidate in plan.candidates[: plan.k]:
            nursery.start_soon(choices.run, candidate)
    return choices.conclude()


class _Choices:
    """The streams of one response. Their tasks record what happened; `conclude` reports it."""

    def __init__(self, plan: Plan, open_attempt: OpenAttempt, output: Output) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._output = output
        self._send_lock = trio.Lock()
        """Held for each send: the streams run in several tasks, and an `Output` takes one send at a
        time."""
        self._running = len(plan.candidates[: plan.k])
        self._begun: list[Candidate] = []
        self._usages: list[Usage | None] = []
        self._failed: list[FailedAttempt] = []
        self._late: list[Candidate] = []
        """Candidates without visible output at the commit deadline."""
        self._broken: UpstreamFailure | None = None
        """The failure of a stream that was already a choice."""

    async def run(self, candidate: Candidate) -> None:
        """Run one choice to its end."""
        index: int | None = None
        is_complete = False
        try:
            with trio.CancelScope(deadline=self._plan.commit_deadline) as opening:
                async with self._open_attempt(candidate, "draft") as attempt:
                    # The scope bounds the opening only. From here `_prelude` applies the deadline,
                    # and after the commit there is none.
                    opening.deadline = inf
                    prelude = await self._prelude(attempt)
                    if prelude:
                        attempt.commit(shared=True)
                        index = len(self._begun)
                        self._begun.append(candidate)
                        await self._relay(index, prelude, attempt)
                        is_complete = True
                        await self._end_if_last()
                        # Read the rest of the response, so that the connection can be reused.
                        # After the answer's end: the client must not wait for this.
                        await attempt.receive()
            if index is None:
                self._late.append(candidate)
        except UpstreamFailure as failure:
            if index is None:
                self._failed.append(FailedAttempt(candidate, failure))
            else:
                self._broken = failure
        if not is_complete:
            await self._end_if_last()

    async def _end_if_last(self) -> None:
        """Count a stream as ended; after the last stream, end the answer if no choice broke."""
        self._running -= 1
        if self._running == 0 and self._begun and self._broken is None:
            await self._output.send([AnswerEnd("stop", _total(self._usages))])

    async def _prelude(self, attempt: Attempt) -> list[Event]:
        """Return the events up to the useful token, or up to the commit deadline.

        Empty if the deadline passed without visible output. A choice takes nothing from the others,
        so an answer that ends without visible content is a choice, too.
        """
        plan = self._plan
        gate = Gate(plan.min_useful_tokens, plan.reasoning_counts, keeps_last_resort=True)
        prelude: list[Event] = []
        with trio.move_on_at(plan.commit_deadline) as deadline:
            await read_prelude(attempt, gate, prelude)
        return [] if deadline.cancelled_caught and not gate.visible else prelude

    async def _relay(self, index: int, prelude: Sequence[Event], attempt: Attempt) -> None:
        """Send one choice's events, up to its end."""
        events = prelude
        while True:
            end = events[-1] if isinstance(events[-1], AnswerEnd) else None
            if end is not None:
                self._usages.append(end.usage)
                events = [*events[:-1], ChoiceEnd(end.reason)]
            if index:
                # A response starts once, with the model and the extras of the first choice.
                events = [event for event in events if not isinstance(event, AnswerStart)]
            async with self._send_lock:
                await self._output.send([ChoiceSwitch(index), *events])
            if end is not None:
                return
            events = await attempt.receive()

    def conclude(self) -> Candidate:
        """Return the candidate of the first choice, after all streams have ended.

        **Raises.** `MaxLatencyExceeded` or `AllAttemptsFailed` if there is no choice; the failure
        of a stream that broke after it had become a choice.
        """
        if not self._begun:
            if self._late:
                raise MaxLatencyExceeded(self._failed, self._late)
            raise AllAttemptsFailed(self._failed)
        if self._broken is not None:
            raise self._broken
        return self._begun[0]


def _total(usages: Sequence[Usage | None]) -> Usage | None:
    """Return the sum of the choices' usages; None if one of them is unknown."""
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
