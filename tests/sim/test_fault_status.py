"""The fault that is a status: each vendor has its own words for it, and headers or none."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import Cause, Status
from tests.sim.naive import KINDS
from tests.sim.scene import Scene


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [400, 401, 429, 500, 503, 529])
async def test_a_status_fault_is_the_vendors_error_at_once(
    kind: str, status: int, stream: bool, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, Status(1, status=status, retry_after=1.5), nursery)
    got = await scene.chat(stream=stream)
    assert (got.status, scene.now()) == (status, 0)
    assert "error" in got.json
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("kind", "status", "waits"),
    [
        ("openai", 429, {"retry-after": "2", "retry-after-ms": "1500"}),
        ("openai", 503, {"retry-after": "2", "retry-after-ms": "1500"}),
        ("openai", 500, {}),
        ("anthropic", 429, {"retry-after": "2"}),
        ("anthropic", 529, {}),
        ("ollama", 429, {}),
    ],
)
async def test_only_vendors_that_send_a_time_to_come_back_send_one(
    kind: str,
    status: int,
    waits: dict[str, str],
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    got = await Scene(kind, Status(1, status=status, retry_after=1.5), nursery).chat()
    assert {k: v for k, v in got.headers.items() if k.startswith("retry")} == waits


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("openai", 429, {"type": "requests", "code": "rate_limit_exceeded"}),
        ("openai", 500, {"type": "server_error", "code": None}),
        ("anthropic", 429, {"type": "rate_limit_error"}),
        ("anthropic", 500, {"type": "api_error"}),
        ("anthropic", 529, {"type": "overloaded_error"}),
    ],
)
async def test_errors_bear_the_vendors_types(
    kind: str,
    status: int,
    words: dict[str, Any],
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    got = await Scene(kind, Status(1, status=status), nursery).chat()
    assert words.items() <= got.json["error"].items()


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        ("openai", "", "Rate limit reached"),
        ("openai", "quota", "You exceeded your current quota"),
        ("azure", "", "have exceeded token rate limit"),
        ("azure", "quota", "have exceeded quota"),
        ("anthropic", "", "rate limit"),
        ("anthropic", "quota", "monthly spend limit"),
        ("ollama", "quota", "usage limit"),
    ],
)
async def test_a_429_may_come_because_the_money_is_spent(
    kind: str,
    cause: Cause,
    words: str,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    got = await Scene(kind, Status(1, status=429, cause=cause), nursery).chat()
    error = got.json["error"]
    assert words in (error if isinstance(error, str) else error["message"])
    if kind in ("openai", "anthropic"):
        assert ("retry-after" in got.headers) is (cause == "")


def test_a_cause_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="a cause is quota or capacity, found 'mood'"):
        Status(1, status=429, cause="mood")  # type: ignore[arg-type]
