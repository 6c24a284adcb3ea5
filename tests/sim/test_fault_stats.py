"""What the statistics say of streams that met a fault, in virtual time."""

from __future__ import annotations

import pytest
import trio

from omen.sim import (
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    PingsOnly,
    RoleOnly,
    Silence,
    Status,
    Truncated,
    WhitespaceOnly,
)
from tests.sim.naive import KINDS
from tests.sim.scene import Scene


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [
        (Status(1), 0),
        (MidstreamError(1, after_tokens=2), 2),
        (DeadConnection(1, after_tokens=2), 2),
        (Truncated(1, after_tokens=2), 2),
        (ErrorIn200(1), 0),
        (Empty(1), 0),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
async def test_the_statistics_say_which_fault_ended_a_stream(
    fault: Fault, tokens: int, kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, fault, nursery)
    await scene.chat()
    await scene.stats.wait_until(lambda stats: stats.faulted == 1)
    (record,) = scene.stats.recent
    assert (record.ending, record.fault, record.tokens_sent) == ("fault", fault.kind, tokens)
    assert scene.stats.to_json()["faults"] == {fault.kind: 1}


@pytest.mark.parametrize("fault", [Silence(1), RoleOnly(1), PingsOnly(1), WhitespaceOnly(1)])
async def test_an_endless_fault_ends_when_the_peer_closes(
    fault: Fault, kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, fault, nursery)
    await scene.chat_for(7.75)
    await scene.client.leave()
    await scene.stats.wait_until(lambda stats: stats.closed_by_peer == 1)
    (record,) = scene.stats.recent
    assert (record.ending, record.fault) == ("closed_by_peer", fault.kind)
    assert record.ended_at == scene.client.start + 7.75
