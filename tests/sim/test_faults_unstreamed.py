"""The faults of answers that are not streamed, in virtual time."""

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
    Truncated,
    WhitespaceOnly,
)
from tests.sim.naive import (
    KINDS,
)
from tests.sim.scene import Scene

DAY = 86_400.0


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("fault", [MidstreamError(1, after_tokens=2), ErrorIn200(1)])
async def test_unstreamed_an_error_in_the_answer_is_a_500(
    kind: str, fault: Fault, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, fault, nursery).chat(stream=False)
    assert (got.status, got.complete) == (500, True)
    assert "error" in got.json


async def test_unstreamed_a_dead_connection_dies_before_its_head(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, DeadConnection(1, after_tokens=2), nursery)
    got = await scene.chat(stream=False)
    assert (got.head, scene.now()) == ("", 1.0)


async def test_unstreamed_a_truncated_answer_is_half_of_the_length_it_announced(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, Truncated(1), nursery).chat(stream=False)
    assert len(got.body) == int(got.headers["content-length"]) // 2
    assert not got.complete


@pytest.mark.parametrize("fault", [Empty(1), WhitespaceOnly(1, proper_end=True)])
async def test_unstreamed_useless_text_is_a_proper_answer(
    kind: str, fault: Fault, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, fault, nursery).chat(stream=False, tools=True)
    assert (got.status, got.complete) == (200, True)
    match kind:
        case "openai" | "azure" | "xai":
            text = got.json["choices"][0]["message"]["content"]
        case "anthropic":
            text = got.json["content"][0]["text"]
        case _:
            text = got.json["message"]["content"]
    assert text == (" " * 6 if isinstance(fault, WhitespaceOnly) else "")


@pytest.mark.parametrize("fault", [Silence(1), RoleOnly(1), PingsOnly(1), WhitespaceOnly(1)])
async def test_unstreamed_everything_endless_is_silence(
    kind: str, fault: Fault, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, fault, nursery).chat_for(DAY, stream=False)
    assert (got.status, got.body, got.complete) == (200, b"", False)
