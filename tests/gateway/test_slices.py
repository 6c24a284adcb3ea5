"""Many events that are sent at once reach the output in batches, between which others run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from omen.core.events import AnswerEnd, ChoiceSwitch, Event, TextDelta
from omen.gateway._slices import MOST_EVENTS, InSlices


class Kept:
    def __init__(self) -> None:
        self.batches: list[Sequence[Event]] = []

    async def send(self, events: Sequence[Event]) -> None:
        self.batches.append(events)


@pytest.mark.parametrize("count", [1, MOST_EVENTS, MOST_EVENTS + 1, 10 * MOST_EVENTS])
async def test_every_event_arrives_once_and_in_order(count: int) -> None:
    kept = Kept()
    events: list[Event] = [*(TextDelta(str(n)) for n in range(count - 1)), AnswerEnd("stop")]
    await InSlices(kept).send(events)
    assert [event for batch in kept.batches for event in batch] == events
    assert max(map(len, kept.batches)) <= MOST_EVENTS
    assert isinstance(kept.batches[-1][-1], AnswerEnd)


async def test_other_tasks_run_between_two_batches() -> None:
    kept, seen = Kept(), []

    async def other() -> None:
        while True:
            seen.append(len(kept.batches))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await trio.lowlevel.checkpoint()
        await InSlices(kept).send([TextDelta("x")] * (20 * MOST_EVENTS))
        nursery.cancel_scope.cancel()
    assert len(set(seen)) >= 10


async def test_each_batch_of_a_choice_says_whose_it_is() -> None:
    kept = Kept()
    events: list[Event] = [ChoiceSwitch(1), *[TextDelta("x")] * (2 * MOST_EVENTS)]
    await InSlices(kept).send(events)
    assert all(batch[0] == ChoiceSwitch(1) for batch in kept.batches)
    texts = [e for batch in kept.batches for e in batch if isinstance(e, TextDelta)]
    assert len(texts) == 2 * MOST_EVENTS
