"""Parallel merge: k candidates run to their ends side by side, and their answers become one.

    draft  openai     ────────────────────────▣ ┐
    draft  anthropic  ──────────▣ ──────────────┤ the quorum: two drafts are complete
    draft  ollama     ──────────────────────────┼───✂
    judge  anthropic                            └──useful─▶ the client gets the merged answer

There are three methods:

- `synthesize`: a judge model reads the conversation and the drafts, and writes the answer. It
  starts when the quorum is complete, or at `max_latency_ms` with the drafts that are complete by
  then; the other drafts are cancelled. If the judge fails before it is useful, the longest draft is
  the answer.
- `vote`: the answer that most drafts agree on. The vote is decided, and the rest cancelled, as soon
  as no other answer can catch up; or, with a risk, as soon as one is unlikely enough to. The better
  score breaks ties.
- `choices`: there are no drafts. All k candidates stream at once, as the choices of one response.

A failed draft lowers k; if all fail, that is the error. A merge answers with a new text, or with
several, on purpose. Every other strategy gives the client one provider's answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import trio

from omen.core.candidates import Candidate
from omen.core.errors import UpstreamFailure
from omen.core.events import Event
from omen.core.plan import Attempt, OpenAttempt, Output, Plan
from omen_strategies._choices import stream_choices
from omen_strategies._drafts import Draft, Drafts
from omen_strategies._judge import judge_request
from omen_strategies._vote import Poll
from omen_strategies.kit import Gate


async def parallel_merge(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Merge the answers of k candidates by the plan's method.

    Return the winner: the judge, the candidate of the chosen draft, or that of the first choice.
    """
    if plan.merge.method == "choices":
        return await stream_choices(plan, open_attempt, output)
    merging = _Merging(plan, open_attempt, output)
    async with trio.open_nursery() as nursery:
        if plan.merge.method == "vote":
            await merging.vote(nursery)
        else:
            merging.drafts.start(nursery)
            await merging.synthesize()
        merging.drafts.close()
    return await merging.conclude()


class _Merging:
    """One merge. It decides inside its nursery and concludes outside, as `Field` does."""

    def __init__(self, plan: Plan, open_attempt: OpenAttempt, output: Output) -> None:
        self.drafts = Drafts(plan, open_attempt)
        self._plan = plan
        self._open_attempt = open_attempt
        self._output = output
        self._answer: Sequence[Event] = ()
        self._winner: Candidate | None = None
        self._failure: UpstreamFailure | None = None

    async def vote(self, nursery: trio.Nursery) -> None:
        """Start drafts until the vote is decided, and choose the best draft of the majority."""
        poll = Poll(self._plan, self.drafts)
        await poll.hold(nursery)
        best = poll.best()
        if best is None:
            self._choose_last_resort()
        else:
            self._choose(best)

    async def synthesize(self) -> None:
        """Wait for the quorum and run the judge; if the judge fails, choose the longest draft."""
        drafts = self.drafts
        quorum = self._plan.merge.quorum
        await drafts.until(
            # Evaluated again after each change: a failed draft lowers `expected`.
            lambda: len(drafts.complete) >= min(quorum or drafts.expected, drafts.expected)
        )
        if not drafts.complete:
            self._choose_last_resort()
            return
        chosen = sorted(drafts.complete, key=lambda draft: draft.rank)
        await self._judge([draft.events for draft in chosen])
        if self._winner is None:
            self._choose(max(chosen, key=lambda draft: len(draft.text)))

    async def _judge(self, drafts: Sequence[Sequence[Event]]) -> None:
        """Run the judge and stream its answer. If it fails before its commit there is no winner."""
        plan = self._plan
        judge = plan.merge.judge or max(plan.candidates, key=lambda c: c.score)
        rewrite = partial(judge_request, drafts=drafts)
        try:
            opening = self._open_attempt(judge, "judge", rewrite=rewrite)
            # Complete drafts stay open until the judge commits: if it fails, one of them commits.
            self.drafts.close(incomplete_only=True)
            async with opening as attempt:
                prelude = await self._prelude(attempt)
                attempt.commit()
                self._winner = judge
                self.drafts.close()
                await self._output.send(prelude)
                while events := await attempt.receive():
                    await self._output.send(events)
        except UpstreamFailure as failure:
            self._failure = failure

    async def _prelude(self, attempt: Attempt) -> list[Event]:
        """Return the judge's events up to the useful token."""
        gate = Gate(self._plan.min_useful_tokens, self._plan.reasoning_counts)
        prelude: list[Event] = []
        useful = False
        while not useful:
            events = await attempt.receive()
            prelude += events
            useful = gate.add(events)
        return prelude

    def _choose_last_resort(self) -> None:
        """Take an answer with nothing visible, where no draft has more."""
        if self.drafts.spent:
            self._choose(self.drafts.spent[0])

    def _choose(self, draft: Draft) -> None:
        draft.attempt.commit()
        self._winner, self._answer, self._failure = draft.candidate, draft.events, None

    async def conclude(self) -> Candidate:
        """Send the chosen draft, if there is one, and return the winner.

        **Raises.** The judge's failure after its commit; the error of the drafts if there is no
        winner.
        """
        if self._winner is None:
            raise self.drafts.no_answer_error()
        if self._failure is not None:
            raise self._failure
        if self._answer:
            await self._output.send(self._answer)
        return self._winner
