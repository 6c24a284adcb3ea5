"""Tokens per minute are reserved before a request starts, as money is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.limits import SOON_SECONDS, UNKNOWN_ANSWER, Limits
from omen.core.callers import Caller
from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import RateLimited
from omen.core.events import Usage
from omen.core.hints import RaceHints
from omen.core.plan import Merge, Plan
from omen.core.prompt_size import measure_prompt
from omen.core.records import AttemptRecord, RaceRecord
from omen.state import MemoryStore
from tests.world import Received, World, open_world, upstream

CALLER = Caller(key_id="k", tokens_per_minute=10_000)
REQUEST = ChatRequest((Message("user", (TextPart("hi"),)),))
PROMPT = measure_prompt(REQUEST).likely
WHO = Candidate("p", "openai", "m", Endpoint("http://p"), "p")


def race(name: str = "r", plan: Plan | None = None, caller: Caller = CALLER) -> RaceRecord:
    made = plan or Plan("single", (WHO,))
    return RaceRecord(name, made, trio.current_time(), caller=caller)


async def reserved(
    limits: Limits,
    *,
    max_tokens: int | None = None,
    plan: Plan | None = None,
    caller: Caller = CALLER,
) -> int:
    """Return what a request reserves, and settle it as one that made no attempt."""
    one = race(plan=plan, caller=caller)
    before = await left(limits, caller)
    await limits.admit(one, replace(REQUEST, max_tokens=max_tokens))
    after = await left(limits, caller)
    await limits.settle(one)
    return before - after


async def left(limits: Limits, caller: Caller = CALLER) -> int:
    tokens = (await limits.standing(caller)).tokens
    assert tokens is not None
    return tokens.left


async def answer(limits: Limits, tokens: int, name: str) -> None:
    """Run a request of the key to an answer of this length."""
    one = race(name)
    await limits.admit(one, replace(REQUEST, max_tokens=1))
    record = AttemptRecord(0, WHO, 0.0, usage=Usage(0, tokens))
    one.attempts.append(record)
    await limits.settle(one)


async def test_a_request_reserves_its_prompt_and_its_longest_answer() -> None:
    limits = Limits(MemoryStore())
    assert await reserved(limits, max_tokens=70) == PROMPT + 70
    short = replace(WHO, card=ModelCard(max_output=40))
    assert await reserved(limits, max_tokens=70, plan=Plan("single", (short,))) == PROMPT + 40
    assert await left(limits) == 10_000


async def test_an_answer_without_a_limit_is_expected_to_be_as_long_as_the_longest_of_late() -> None:
    limits = Limits(MemoryStore())
    assert await reserved(limits) == PROMPT + UNKNOWN_ANSWER
    for number, tokens in enumerate((60, 300, 90, 0)):
        await answer(limits, tokens, f"a{number}")
    assert await reserved(limits) == PROMPT + 300
    for number in range(20):
        await answer(limits, 5, f"b{number}")
    assert await reserved(limits) == PROMPT + 5
    other = replace(CALLER, key_id="other")
    assert await reserved(limits, caller=other) == PROMPT + UNKNOWN_ANSWER


async def test_every_attempt_that_starts_at_once_and_a_judge_are_reserved() -> None:
    limits = Limits(MemoryStore())
    three = tuple(replace(WHO, provider=name) for name in "abc")
    sizes = {
        "single": PROMPT + 10,
        "speculate_k": PROMPT + 10,
        "race": 2 * (PROMPT + 10),
    }
    for strategy, size in sizes.items():
        plan = Plan(strategy, three, k=2)
        assert await reserved(limits, max_tokens=10, plan=plan) == size, strategy
    vote = Plan("parallel_merge", three, k=2, merge=Merge("vote"))
    assert await reserved(limits, max_tokens=10, plan=vote) == 2 * (PROMPT + 10)
    judged = replace(vote, merge=Merge("synthesize"))
    assert await reserved(limits, max_tokens=10, plan=judged) == 3 * (PROMPT + 10) + 20


async def test_no_request_reserves_more_than_the_whole_limit() -> None:
    limits = Limits(MemoryStore())
    assert await reserved(limits, max_tokens=10**9) == 10_000


async def test_who_waits_for_running_requests_only_may_try_again_soon() -> None:
    limits = Limits(MemoryStore())
    running = race("running")
    await limits.admit(running, replace(REQUEST, max_tokens=9_000))
    with pytest.raises(RateLimited, match="reserved") as caught:
        await limits.admit(race("next"), replace(REQUEST, max_tokens=9_000))
    assert caught.value.retry_after == SOON_SECONDS
    running.attempts.append(AttemptRecord(0, WHO, 0.0, usage=Usage(0, 9_000)))
    await limits.settle(running)
    with pytest.raises(RateLimited) as caught:
        await limits.admit(race("later"), replace(REQUEST, max_tokens=9_000))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 50  # used, not held: only time gives it back
    assert limits._held == {}


async def ask(world: World, caller: Caller, max_tokens: int | None) -> Received:
    request = replace(REQUEST, max_tokens=max_tokens)
    made = world.gateway.plan("m", RaceHints(), trio.current_time(), request=request, caller=caller)
    received = Received(made)
    try:
        await world.gateway.run(made, request, received)
    except RateLimited as error:
        received.error = error
    return received


@pytest.mark.parametrize("max_tokens", [None, 50, 60])
async def test_requests_at_once_cannot_exceed_the_limit_together(
    autojump_clock: MockClock, max_tokens: int | None
) -> None:
    caller = Caller(key_id="k", tokens_per_minute=200)
    async with open_world(upstream("one", tokens=50)) as world:
        received: list[Received] = []

        async def one() -> None:
            received.append(await ask(world, caller, max_tokens))

        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(one)
        used = sum(a.usage.total_tokens for _, a in world.rows if a.usage is not None)
        assert 0 < used <= 200
        refused = [r.error for r in received if r.error is not None]
        assert len(refused) == 30 - len(world.rows)
        # With what the first answers took, the rest of the minute is used, too.
        while (await ask(world, caller, max_tokens)).error is None:
            pass
        used = sum(a.usage.total_tokens for _, a in world.rows if a.usage is not None)
        assert 100 < used <= 200
