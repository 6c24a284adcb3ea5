"""Whose turn it is among the streams of an HTTP/2 connection."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from priority.priority import DeadlockError, DuplicateStreamError, MissingStreamError

from omen.serving._round_robin import RoundRobin


def turns_of(*streams: int) -> RoundRobin:
    turns = RoundRobin()
    for stream_id in streams:
        turns.insert_stream(stream_id)
    return turns


def taken(turns: RoundRobin, count: int) -> list[int]:
    return list(islice(iter(lambda: next(turns), None), count))


def test_each_has_its_turn_before_anybody_has_a_second() -> None:
    assert taken(turns_of(1, 3, 5), 7) == [1, 3, 5, 1, 3, 5, 1]


def test_one_that_is_blocked_is_passed_over_and_comes_last_when_it_is_not() -> None:
    turns = turns_of(1, 3, 5)
    turns.block(1)
    assert taken(turns, 3) == [3, 5, 3]
    turns.unblock(1)
    turns.unblock(1)
    assert taken(turns, 4) == [5, 3, 1, 5]


def test_when_nobody_is_ready_it_says_so() -> None:
    turns = turns_of(1)
    turns.block(1)
    with pytest.raises(DeadlockError):
        next(turns)


def test_a_stream_is_taken_in_once_and_has_to_be_there() -> None:
    turns = turns_of(1)
    with pytest.raises(DuplicateStreamError):
        turns.insert_stream(1)
    turns.remove_stream(1)
    for act in (turns.remove_stream, turns.block, turns.unblock):
        with pytest.raises(MissingStreamError):
            act(1)
    assert len(turns) == 0


def test_one_that_has_more_to_say_does_not_wait_for_all_who_come_later() -> None:
    """In hypercorn's tree it waits until nobody new comes any more.

    There a newcomer is put where the last one was served, and one that was served already comes
    behind it: as long as newcomers say all they have in one turn, nobody gets a second one.
    """
    turns = turns_of(1)
    assert next(turns) == 1
    turns.block(1)
    newcomers = iter(range(3, 2001, 2))
    for stream_id in islice(newcomers, 5):
        turns.insert_stream(stream_id)
    turns.unblock(1)
    served = 0
    while (stream_id := next(turns)) != 1:
        served += 1
        turns.remove_stream(stream_id)
        turns.insert_stream(next(newcomers))
    assert served == 5


class Fairness(RuleBasedStateMachine):
    """Whatever comes, goes, blocks and unblocks: each that is ready waits for the others once."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = RoundRobin()
        self.next_id = 1
        self.ready: dict[int, set[int]] = {}
        """Each with those whose turn comes before its own."""
        self.blocked: set[int] = set()

    @rule()
    def come(self) -> None:
        self.turns.insert_stream(self.next_id)
        self.ready[self.next_id] = set(self.ready)
        self.next_id += 2

    @precondition(lambda self: self.ready)
    @rule(data=st.data())
    def block(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.ready)))
        self.turns.block(stream_id)
        self.leave(stream_id)
        self.blocked.add(stream_id)

    @precondition(lambda self: self.blocked)
    @rule(data=st.data())
    def unblock(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.blocked)))
        self.turns.unblock(stream_id)
        self.blocked.remove(stream_id)
        self.ready[stream_id] = set(self.ready)

    @precondition(lambda self: self.ready)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.ready)))
        self.turns.remove_stream(stream_id)
        self.leave(stream_id)

    @precondition(lambda self: self.ready)
    @rule()
    def take(self) -> None:
        chosen = next(self.turns)
        assert self.ready[chosen] == set(), "somebody was passed over"
        self.leave(chosen)
        self.ready[chosen] = set(self.ready)

    def leave(self, stream_id: int) -> None:
        del self.ready[stream_id]
        for before in self.ready.values():
            before.discard(stream_id)

    @invariant()
    def it_knows_them_all(self) -> None:
        assert len(self.turns) == len(self.ready) + len(self.blocked)


TestFairness = Fairness.TestCase
