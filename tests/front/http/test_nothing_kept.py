"""What a request held is freed when it ends, and not at the next collection of garbage."""

from __future__ import annotations

from types import FrameType
from typing import Any

import pytest
from omen_strategies.race import race
from trio.testing import MockClock

from omen.core.errors import FailureKind, OmenError, UpstreamFailure
from omen.core.events import TextDelta
from omen.front.http.request import BodyLimits
from omen.isolation import BytesInFlight
from tests.front.asking import body
from tests.front.chatting import post
from tests.front.client import piece
from tests.garbage import left_in_cycles
from tests.race.attempts.scripted import Opened, Scripted, text
from tests.strategies.scenario import USEFUL, Step, answers, run_scenario

CYCLES = ("omen/front/http/request.py", "omen/race/attempts/", ":Field._run")


def place_of_frame(one: object) -> str | None:
    if not isinstance(one, FrameType):
        return None
    return f"{one.f_code.co_filename}:{one.f_code.co_qualname}"


def ours(files: list[str]) -> list[str]:
    return [name for name in files if any(part in name for part in CYCLES)]


async def test_a_body_that_is_refused_for_want_of_memory_is_freed(
    autojump_clock: MockClock,
) -> None:
    limits = BodyLimits(in_flight=BytesInFlight(10_000))
    with left_in_cycles(place_of_frame) as files:
        heard = await post((0, piece(body(x="y" * 20_000))), limits=limits)
    assert heard.status == 503
    assert ours(files) == []


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        ([(0.0, b'{"error":{"message":"no"}}')], {"status": 500}),
        ([(0.0, text("Yes")), (0.0, b"data: {broken\n\n")], {}),
    ],
    ids=["status", "frame"],
)
async def test_an_attempt_that_fails_keeps_nothing(
    autojump_clock: MockClock, steps: list[tuple[float, bytes]], options: dict[str, Any]
) -> None:
    opened = Opened(Scripted(*steps, **options))
    kinds = []
    with left_in_cycles(place_of_frame) as files:
        try:
            async with opened.open() as attempt:
                while True:
                    await attempt.receive()
        except UpstreamFailure as failure:
            kinds.append(failure.kind)
    assert kinds in ([FailureKind.SERVER_ERROR], [FailureKind.PROTOCOL])
    assert ours(files) == []


@pytest.mark.parametrize("begun", [[], [Step(0.0, [TextDelta(USEFUL)])]], ids=["before", "after"])
async def test_a_race_whose_attempts_fail_before_or_after_the_commit_keeps_nothing(
    autojump_clock: MockClock, begun: list[Step]
) -> None:
    with left_in_cycles(place_of_frame) as files:
        failure = UpstreamFailure(FailureKind.SERVER_ERROR, "no")
        happened = await run_scenario(race, {"a": [answers(), *begun, Step(1.0, failure)]})
        assert isinstance(happened.error, OmenError)
        del happened, failure
    assert ours(files) == []
