"""A key's limits: requests and tokens a minute, told as OpenAI tells them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from omen.core.callers import Caller
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import RateLimited
from omen.core.hints import RaceHints
from omen.front.http.race_report import _duration, error_headers, quota_headers, race_headers
from tests.world import Received, World, open_world, upstream

FLEET = (upstream("one", first_token=0.1, gap=0.0, tokens=20),)
THREE = Caller(key_id="k", requests_per_minute=3)


async def ask(world: World, caller: Caller, prompt: str = "hello") -> Received:
    request = ChatRequest((Message("user", (TextPart(prompt),)),))
    race = world.gateway.plan("m", RaceHints(), trio.current_time(), request=request, caller=caller)
    received = Received(race)
    try:
        await world.gateway.run(race, request, received)
    except RateLimited as error:
        received.error = error
    return received


async def test_beyond_its_requests_a_key_is_refused_until_there_is_room(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET) as world:
        began = trio.current_time()
        for _ in range(3):
            assert (await ask(world, THREE)).error is None
            await trio.sleep(1)
        refused = (await ask(world, THREE)).error
        assert isinstance(refused, RateLimited)
        assert (refused.status, refused.code, refused.type) == (
            429,
            "rate_limit_exceeded",
            "requests",
        )
        assert refused.retry_after is not None
        await trio.sleep(refused.retry_after - 0.01)
        assert (await ask(world, THREE)).error is not None
        await trio.sleep(0.01)
        assert trio.current_time() - began >= 59
        assert (await ask(world, THREE)).error is None
        assert world.stats["one"].started == 4


async def test_keys_do_not_share_limits_and_who_has_none_has_none(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET) as world:
        for _ in range(3):
            await ask(world, THREE)
        assert (await ask(world, replace(THREE, key_id="other"))).error is None
        free = await ask(world, Caller(key_id="free"))
        assert (free.error, free.race.quota) == (None, None)


async def test_tokens_count_as_they_were_used(autojump_clock: MockClock) -> None:
    caller = Caller(key_id="k", tokens_per_minute=200)
    async with open_world(*FLEET) as world:
        first = await ask(world, caller)
        (attempt,) = first.race.attempts
        assert attempt.usage is not None
        quota = await world.gateway.limits.standing(caller)
        assert quota.tokens is not None
        assert quota.tokens.left == 200 - attempt.usage.total_tokens
        while (last := await ask(world, caller)).error is None:
            pass
        assert isinstance(last.error, RateLimited)
        assert last.error.type == "tokens"


async def test_a_prompt_that_can_never_pass_says_so(autojump_clock: MockClock) -> None:
    caller = Caller(key_id="k", tokens_per_minute=50)
    async with open_world(*FLEET) as world:
        refused = (await ask(world, caller, "word " * 1000)).error
        assert isinstance(refused, RateLimited)
        assert "this key may use 50 a minute" in refused.message
        assert refused.retry_after is None


async def test_how_things_stand_is_told_as_openai_does(autojump_clock: MockClock) -> None:
    caller = replace(THREE, tokens_per_minute=10_000)
    async with open_world(*FLEET) as world:
        answered = await ask(world, caller)
        assert answered.race.quota is not None
        told = quota_headers(answered.race.quota)
        assert told["x-ratelimit-limit-requests"] == "3"
        assert told["x-ratelimit-remaining-requests"] == "2"
        assert told["x-ratelimit-reset-requests"] == "1m0s"
        assert told["x-ratelimit-limit-tokens"] == "10000"
        for _ in range(2):
            await ask(world, caller)
        refused = await ask(world, caller)
        assert refused.error is not None
        headers = dict([*error_headers(refused.error), *race_headers(refused.race)])
        assert headers[b"retry-after"] == b"60"
        assert headers[b"x-ratelimit-remaining-requests"] == b"0"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (0.32, "320ms"), (1, "1s"), (12.5, "12.5s"), (60, "1m0s"), (366, "6m6s")],
)
def test_durations_are_written_as_openai_does(seconds: float, told: str) -> None:
    assert _duration(seconds) == told
