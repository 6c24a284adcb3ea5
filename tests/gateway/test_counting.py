"""Tokens are counted by an upstream that can, and estimated where none could."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import ProviderSettings, Settings
from omen.core.callers import ANYBODY, Caller
from omen.core.chat import ChatRequest
from omen.core.errors import AllAttemptsFailed, RateLimited
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.gateway import Gateway, open_gateway
from tests.providers.asking import said

QUESTION = ChatRequest((said("user", "hi"),))
COUNTED = httpx.Response(200, json={"input_tokens": 7})


def refused(status: int) -> httpx.Response:
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    error = {"type": "error", "error": {"type": kind, "message": "no"}}
    return httpx.Response(status, json=error)


@asynccontextmanager
async def gateway_over(
    *, kind: str = "anthropic", **answers: httpx.Response | Exception
) -> AsyncIterator[Gateway]:
    """Open a gateway over one API, Anthropic's by default, at one host for each answer."""

    async def answer(request: httpx.Request) -> httpx.Response:
        await trio.sleep(1)
        given = answers[request.url.host.partition(".")[0]]
        if isinstance(given, Exception):
            raise given
        return given

    providers = {
        name: ProviderSettings(
            name=name, kind=kind, base_urls=(f"http://{name}.test",), models=("m",)
        )
        for name in answers
    }
    settings = Settings(providers=providers)
    async with open_gateway(settings, transport=httpx.MockTransport(answer)) as gateway:
        yield gateway


def plan(gateway: Gateway, model: str = "m", caller: Caller = ANYBODY) -> RaceRecord:
    return gateway.plan(model, RaceHints(), trio.current_time(), caller=caller)


@pytest.mark.parametrize(
    "answer",
    [
        *(refused(status) for status in (401, 404, 405, 413, 429, 500, 501, 529)),
        httpx.Response(404, text="<html>nothing here</html>"),
        httpx.Response(200, text="not JSON"),
        httpx.Response(200, json={"tokens": 7}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("silence"),
    ],
    ids=repr,
)
async def test_an_upstream_that_cannot_count_leaves_it_to_the_estimate(
    answer: httpx.Response | Exception, autojump_clock: MockClock
) -> None:
    """Claude Code counts by asking real questions where it hears an error."""
    async with gateway_over(up=answer) as gateway:
        race = plan(gateway)
        assert await gateway.count_tokens(race, QUESTION) is None
        outcomes = [(a.role, a.outcome) for a in race.attempts]
    if isinstance(answer, httpx.ReadTimeout):  # not worth a second wait
        assert outcomes == [("count", "timed_out")]
    else:
        curable = isinstance(answer, Exception) or answer.status_code in (429, 500, 501, 529)
        assert outcomes == [("count", "failed")] * (2 if curable else 1)


async def test_another_that_can_is_asked_before(autojump_clock: MockClock) -> None:
    async with gateway_over(bad=refused(404), good=COUNTED) as gateway:
        assert await gateway.count_tokens(plan(gateway, "bad/m,good/m"), QUESTION) == 7


async def test_a_fault_of_the_request_is_the_callers_to_hear(autojump_clock: MockClock) -> None:
    async with gateway_over(up=refused(400)) as gateway:
        with pytest.raises(AllAttemptsFailed) as caught:
            await gateway.count_tokens(plan(gateway), QUESTION)
        assert caught.value.status == 400


@pytest.mark.parametrize("kind", ["anthropic", "openai"])
async def test_a_count_is_a_request_to_the_limits_of_its_key_also_where_it_is_an_estimate(
    kind: str, autojump_clock: MockClock
) -> None:
    caller = Caller(key_id="k", requests_per_minute=2)
    async with gateway_over(kind=kind, up=COUNTED) as gateway:
        for left in (1, 0):
            race = plan(gateway, caller=caller)
            await gateway.count_tokens(race, QUESTION)
            assert race.quota is not None
            assert race.quota.requests is not None
            assert race.quota.requests.left == left
        with pytest.raises(RateLimited):
            await gateway.count_tokens(plan(gateway, caller=caller), QUESTION)
