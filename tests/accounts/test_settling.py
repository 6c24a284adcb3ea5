"""What a request that has ended counts: what its attempts used, at the time at which they did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.limits import Limits
from omen.core.callers import Caller
from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import UNKNOWN
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import RateLimited
from omen.core.events import Usage
from omen.core.plan import Plan
from omen.core.prompt_size import measure_prompt
from omen.core.records import AttemptRecord, RaceRecord
from omen.state import MemoryStore, Store
from omen.state.redis import open_redis
from tests.servers import RedisServer, running_redis

CALLER = Caller(key_id="k", tokens_per_minute=1000)
REQUEST = ChatRequest((Message("user", (TextPart("word " * 100),)),), max_tokens=50)
LIKELY = measure_prompt(REQUEST).likely
RESERVED = LIKELY + 50
assert LIKELY > 100
WHO = Candidate("p", "openai", "m", Endpoint("http://p"), "p", card=UNKNOWN)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with open_redis(request.getfixturevalue("redis").url, "one", 5.0) as opened:
        await opened._client.flushall()
        yield opened


def race(*attempts: AttemptRecord, name: str = "r1", caller: Caller = CALLER) -> RaceRecord:
    made = RaceRecord(name, Plan("single", (WHO,)), trio.current_time(), caller=caller)
    made.attempts.extend(attempts)
    return made


def attempt(outcome: str = "won", tokens: int = 0, usage: Usage | None = None) -> AttemptRecord:
    made = AttemptRecord(0, WHO, trio.current_time())
    made.outcome, made.tokens, made.usage = outcome, tokens, usage  # type: ignore[assignment]
    return made


async def left(limits: Limits) -> int:
    tokens = (await limits.standing(CALLER)).tokens
    assert tokens is not None
    return tokens.left


@pytest.mark.parametrize(
    ("attempts", "used"),
    [
        ([("won", 7, Usage(40, 60))], 100),
        ([("won", 7, Usage(40, 60)), ("denied", 0, None)], 100),
        ([("denied", 500, None)], 0),
        ([], 0),
        ([("lost", 7, None)], LIKELY + 7),
        ([("lost", 7, None), ("won", 0, Usage(40, 60))], LIKELY + 7 + 100),
        ([("failed", 0, None), ("failed", 0, None)], 2 * LIKELY),
        ([("won", 0, Usage(1, 1))], 2),
        ([("won", 0, Usage(-(10**30), 0))], 0),
        ([("won", 0, Usage(10**30, 0))], 10**12),
    ],
)
async def test_every_attempt_counts_what_it_used_and_a_denied_one_nothing(
    store: Store, attempts: list[tuple[str, int, Usage | None]], used: int
) -> None:
    limits = Limits(store)
    one = race(*(attempt(*told) for told in attempts))
    await limits.admit(one, REQUEST)
    assert await left(limits) == 1000 - RESERVED
    await limits.settle(one)
    assert await left(limits) == max(0, 1000 - used)
    await limits.settle(one)  # nothing is left to give back


async def test_hidden_thought_counts_as_it_is_booked(store: Store) -> None:
    limits, thought = Limits(store), attempt("client_cancelled", 7)
    thought.pace, thought.thinking_seconds = 50.0, 4.0
    one = race(thought)
    await limits.admit(one, REQUEST)
    await limits.settle(one)
    assert await left(limits) == 1000 - (LIKELY + 7 + 200)


async def test_what_was_refused_is_not_settled_and_not_remembered(store: Store) -> None:
    limits = Limits(store)
    small = Caller(key_id="k", tokens_per_minute=10)
    with pytest.raises(RateLimited):
        await limits.admit(race(caller=small), REQUEST)
    assert limits._counted == {}


async def test_nothing_is_remembered_of_races_that_are_settled(store: Store) -> None:
    limits = Limits(store)
    for number in range(5):
        one = race(name=f"r{number}")
        await limits.admit(one, REQUEST)
        await limits.settle(one)
    assert limits._counted == {}


async def test_no_more_than_the_limit_passes_in_a_minute_however_late_tokens_are_given_back(
    autojump_clock: MockClock,
) -> None:
    """Requests that count 600 likely tokens, use 100, and end half a minute later.

    Given back when they end, their tokens would be missing from the minute behind that: 1,504
    tokens were let through at 1,000 a minute.
    """
    limits, passed = Limits(MemoryStore()), list[tuple[float, int]]()
    big = ChatRequest((Message("user", (TextPart("word" * 600),)),), max_tokens=1)
    assert 600 <= measure_prompt(big).likely <= 610

    async def ask(number: int) -> None:
        one = race(attempt(usage=Usage(90, 10)), name=f"r{number}")
        try:
            await limits.admit(one, big)
        except RateLimited:
            return
        passed.append((trio.current_time(), 100))
        await trio.sleep(31)
        await limits.settle(one)

    async with trio.open_nursery() as nursery:
        for number in range(3000):
            nursery.start_soon(ask, number)
            await trio.sleep(0.5)
    for start, _ in passed:
        window = [used for at, used in passed if start <= at < start + 59]
        assert sum(window) <= 1000
    # And what was given back in time was there for others.
    assert len(passed) > 1500 / 60 * 1.5


async def test_tokens_are_given_back_in_the_second_in_which_they_were_counted(
    autojump_clock: MockClock,
) -> None:
    limits = Limits(MemoryStore())
    one, two = race(attempt(usage=Usage(5, 5))), race(attempt(usage=Usage(5, 5)), name="r2")
    await limits.admit(one, REQUEST)
    await trio.sleep(30)
    await limits.admit(two, REQUEST)
    await limits.settle(one)
    assert await left(limits) == 1000 - 10 - RESERVED
    await trio.sleep(31)  # the first one's second has left the window, with all it has
    assert await left(limits) == 1000 - RESERVED
    await limits.settle(two)
    assert await left(limits) == 1000 - 10


async def test_what_has_left_the_window_is_not_given_back(autojump_clock: MockClock) -> None:
    limits = Limits(MemoryStore())
    one = race(attempt(usage=Usage(5, 5)))
    await limits.admit(one, REQUEST)
    await trio.sleep(61)
    two = race(name="r2")
    await limits.admit(two, REQUEST)
    await limits.settle(one)
    assert await left(limits) == 1000 - RESERVED
