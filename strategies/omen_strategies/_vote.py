"""A vote over drafts: how many run at the same time, and when it is decided.

Without a risk all drafts start at once, and the vote ends when no other answer can catch up. With
one they start in small waves: always as many as would decide the vote if they all agreed with the
leading answer. Fewer could not decide it, and more would often be for nothing.

Waves take time. So when the commit deadline is as near as the slowest draft so far is long, the
rest starts together; and before any draft is complete, when half of the time has passed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import inf

import trio

from omen.core.plan import Plan, Vote, VoteEnd
from omen_strategies import _ballot as ballot
from omen_strategies._drafts import Draft, Drafts


class Poll:
    """The vote of one plan."""

    def __init__(self, plan: Plan, drafts: Drafts) -> None:
        self._drafts = drafts
        self._risk = plan.merge.risk
        self._deadline = plan.commit_deadline
        self._began = trio.current_time()
        self._record = plan.merge.vote or Vote()
        self._answers: list[Hashable] = []
        """The canonical form of each complete draft, made once: a draft may be megabytes."""

    async def hold(self, nursery: trio.Nursery) -> None:
        """Start drafts in `nursery` until the vote has ended."""
        drafts = self._drafts
        while (end := self._end()) is None:
            drafts.start(nursery, self._wave())
            await drafts.change(self._hurry_at())
        record, votes = self._record, self._votes()
        record.drafts, record.votes, record.end = drafts.started, votes, end
        record.upset = ballot.upset(votes, self._to_come)

    def best(self) -> Draft | None:
        """Return the best draft of the majority; None if no draft is complete."""
        complete = self._drafts.complete
        if not complete:
            return None
        agreeing = (complete[index] for index in ballot.winners(self._read()))
        return min(agreeing, key=lambda draft: draft.rank)

    @property
    def _to_come(self) -> int:
        return self._drafts.expected - len(self._drafts.complete)

    def _read(self) -> Sequence[Hashable]:
        answers = self._answers
        for draft in self._drafts.complete[len(answers) :]:
            answers.append(ballot.canonical_answer(draft.events))
        return answers

    def _votes(self) -> tuple[int, ...]:
        return ballot.votes_of(self._read())

    def _end(self) -> VoteEnd | None:
        votes, to_come = self._votes(), self._to_come
        if not to_come:
            return "exhausted"
        if ballot.is_won(votes, to_come):
            return "decided"
        if self._risk is not None and not ballot.needed(votes, to_come, self._risk):
            return "risk"
        return "deadline" if self._drafts.late else None

    def _wave(self) -> int | None:
        """Return how many drafts to start now; None: all that are left."""
        if self._risk is None or trio.current_time() >= self._hurry_at():
            return None
        wanted = ballot.needed(self._votes(), self._to_come, self._risk)
        return max(0, wanted - len(self._drafts.running))

    def _hurry_at(self) -> float:
        """Return when all drafts that are left start, so that they can count."""
        if self._risk is None or not self._drafts.unstarted or self._deadline == inf:
            return inf
        return self._deadline - (self._drafts.slowest or (self._deadline - self._began) / 2)
