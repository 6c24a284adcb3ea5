"""The cache: exact matches, by key; identical requests share one call; a hit costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.cache import CachedAnswer
from omen.cache._codec import read_answer, write_answer
from omen.cache._flights import MOST_BYTES, Flight, Recorder
from omen.config import CacheSettings, Settings
from omen.core.callers import ANYBODY, Caller
from omen.core.chat import ChatRequest, Message, ReasoningBlock, TextPart
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    Restart,
    TextDelta,
    ToolCallDelta,
    Usage,
    WireEvent,
)
from omen.core.hints import RaceHints
from omen.ledger.entries import entry_of
from omen.sim.faults import Truncated
from tests.world import Received, World, open_world, upstream

ON = Settings(cache=CacheSettings(enabled=True, ttl_seconds=60.0))
FLEET = (upstream("one", first_token=1.0, tokens=20),)


async def ask(
    world: World,
    prompt: str = "hello",
    *,
    caller: Caller = ANYBODY,
    temperature: float | None = 0,
    **hints: object,
) -> Received:
    wanted = replace(RaceHints(strategy="single"), **hints)  # type: ignore[arg-type]
    request = ChatRequest((Message("user", (TextPart(prompt),)),), temperature=temperature)
    race = world.gateway.plan("m", wanted, trio.current_time(), caller=caller)
    received = Received(race)
    await world.gateway.run(race, request, received)
    return received


async def test_an_identical_request_is_answered_without_asking_anybody(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET, settings=ON) as world:
        first = await ask(world)
        began = trio.current_time()
        again = await ask(world)
        assert trio.current_time() == began
        assert [event for _, event in again.sent] == [event for _, event in first.sent]
        assert world.stats["one"].started == 1
        assert (first.race.cached, again.race.cached) == (False, True)
        assert again.race.cost_usd == Decimal(0)
        cache = world.gateway.cache
        assert (cache.hits, cache.misses, cache.hit_rate) == (1, 1, 0.5)


async def test_a_hit_is_booked_as_such(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=ON) as world:
        await ask(world)
        await ask(world)
        paid, free = (entry_of(*row) for row in world.rows)
        assert (free.from_cache, free.role, free.outcome) == (True, "cache", "won")
        assert (free.cost_usd, free.provenance, free.tokens) == ("0", "exact", 0)
        assert (free.provider, free.model) == (paid.provider, paid.model)
        assert free.id != paid.id
        world.assert_nothing_left()


async def test_only_what_is_the_same_is_a_hit(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=ON) as world:
        await ask(world)
        assert not (await ask(world, "hello ")).race.cached
        assert not (await ask(world, caller=Caller(key_id="other"))).race.cached
        assert not (await ask(world, temperature=0.5)).race.cached
        assert not (await ask(world, cache=False)).race.cached
        assert not (await ask(world, temperature=0.5, cache=True)).race.cached
        assert (await ask(world, temperature=0.5, cache=True)).race.cached
        await trio.sleep(61)
        assert not (await ask(world)).race.cached


@pytest.mark.parametrize(
    ("first", "second", "hit"),
    [
        ({"providers": ("one",)}, {"providers": ("one", "two")}, False),
        ({"providers": ("one",)}, {}, False),
        ({"providers": ("one",)}, {"providers": ("one",)}, True),
    ],
)
async def test_who_may_answer_is_a_part_of_what_is_asked(
    autojump_clock: MockClock, first: dict[str, object], second: dict[str, object], hit: bool
) -> None:
    async with open_world(*FLEET, upstream("two"), settings=ON) as world:
        await ask(world, **first)
        assert (await ask(world, **second)).race.cached == hit


async def recorded(*events: Event) -> Sequence[Event] | None:
    """Return the answer that a recorder keeps of these events; None if it keeps none."""
    kept: list[Sequence[Event]] = []

    async def keep(answer: Sequence[Event]) -> None:
        kept.append(list(answer))

    recorder = Recorder(Received(None), Flight(), keep)  # type: ignore[arg-type]
    for event in events:
        await recorder.send([event])
    return kept[0] if kept else None


async def test_what_a_restart_made_void_is_not_kept(autojump_clock: MockClock) -> None:
    void, answer, end = TextDelta("half an ans"), TextDelta("whole"), AnswerEnd("stop")
    assert await recorded(void, Restart(), answer, end) == [answer, end]


async def test_neither_are_filtered_nor_overlong_answers(autojump_clock: MockClock) -> None:
    assert await recorded(TextDelta("a"), AnswerEnd("content_filter")) is None
    long = TextDelta("x" * (MOST_BYTES + 1))
    assert await recorded(long, AnswerEnd("stop")) is None
    short = TextDelta("x")
    assert await recorded(long, Restart(), short, AnswerEnd("stop")) == [short, AnswerEnd("stop")]


async def test_off_is_off(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET) as world:
        await ask(world, cache=True)
        assert not (await ask(world, cache=True)).race.cached
        assert world.gateway.cache.misses == 0


class TestAtTheSameTime:
    async def test_identical_requests_share_one_call(self, autojump_clock: MockClock) -> None:
        async with open_world(*FLEET, settings=ON) as world:
            received: list[Received] = []

            async def one() -> None:
                received.append(await ask(world))

            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(one)
            assert world.stats["one"].started == 1
            assert len({one.text for one in received}) == 1
            assert world.gateway.cache.shared == 9
            assert trio.current_time() == pytest.approx(1.0 + 19 * 0.1)

    async def test_if_the_first_ones_client_leaves_the_others_ask_for_themselves(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(*FLEET, settings=ON) as world:
            received: list[Received] = []

            async def one() -> None:
                received.append(await ask(world))

            async with trio.open_nursery() as nursery:
                leaver = trio.CancelScope()

                async def leaves() -> None:
                    with leaver:
                        await ask(world)

                nursery.start_soon(leaves)
                await trio.sleep(0.1)
                for _ in range(3):
                    nursery.start_soon(one)
                await trio.sleep(1.5)
                leaver.cancel()
            assert [r.error for r in received] == [None] * 3
            assert world.stats["one"].started == 4
            world.assert_nothing_left()

    @pytest.mark.parametrize("slow", [0.04, 0.4, 1000.0])
    async def test_nobody_waits_long_for_another_ones_client(
        self, autojump_clock: MockClock, slow: float
    ) -> None:
        """Core defect 15. Without a bound they would wait until their own deadline, ten minutes."""
        async with open_world(*FLEET, settings=ON) as world, trio.open_nursery() as nursery:
            race = world.gateway.plan("m", RaceHints(cache=True), trio.current_time())
            nursery.start_soon(lambda: world.run(race, into=Received(race, slow=slow)))
            await trio.sleep(0.5)
            began = trio.current_time()
            received = await world.ask(strategy="single", k=None, cache=True)
            assert received.error is None
            # 0.8 s until the client delays the leader, 1 s of patience, 2.9 s for its own answer.
            assert trio.current_time() - began <= 0.8 + 1.0 + 2.9 + 0.1
            assert received.race.cached == (slow == 0.04)
            nursery.cancel_scope.cancel()

    async def test_a_slow_provider_is_waited_for(self, autojump_clock: MockClock) -> None:
        """Another attempt would take as long again."""
        slow = upstream("one", first_token=50.0)
        async with open_world(slow, settings=ON) as world, trio.open_nursery() as nursery:
            nursery.start_soon(lambda: ask(world))
            await trio.sleep(1)
            assert (await ask(world)).race.cached
            assert world.stats["one"].started == 1

    async def test_an_answer_is_there_when_its_client_has_its_end(
        self, autojump_clock: MockClock
    ) -> None:
        """The same request may reach another replica at once."""
        async with open_world(*FLEET, settings=ON) as world:
            again: list[Received] = []

            class Eager(Received):
                async def send(self, events: Sequence[Event]) -> None:
                    if isinstance(events[-1], AnswerEnd):
                        again.append(await world.ask(strategy="single", k=None, cache=True))

            race = world.gateway.plan("m", RaceHints(cache=True), trio.current_time())
            await world.run(race, into=Eager(race))
            assert [received.race.cached for received in again] == [True]

    async def test_who_has_a_deadline_for_the_first_token_does_not_wait(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(*FLEET, settings=ON) as world, trio.open_nursery() as nursery:
            nursery.start_soon(ask, world)
            await trio.sleep(0.1)
            hurried = await ask(world, max_latency=2.0)
            assert not hurried.race.cached
            assert world.stats["one"].started == 2

    async def test_waiting_ends_with_the_requests_time(self, autojump_clock: MockClock) -> None:
        async with open_world(*FLEET, settings=ON) as world, trio.open_nursery() as nursery:
            nursery.start_soon(ask, world)
            await trio.sleep(0.1)
            race = world.gateway.plan(
                "m", RaceHints(strategy="single", total_timeout=0.5), trio.current_time()
            )
            late = await world.run(race, "hello", temperature=0)
            assert late.error is not None
            assert late.error.code == "total_timeout_exceeded"


async def test_an_answer_that_broke_off_is_not_kept(autojump_clock: MockClock) -> None:
    dying = upstream("dying", tokens=20, fault=Truncated(1.0))
    async with open_world(dying, settings=ON) as world:
        for _ in range(2):
            race = world.gateway.plan("m", RaceHints(strategy="single"), trio.current_time())
            received = await world.run(race, "hello", temperature=0)
            assert received.error is not None
            assert not race.cached
        assert world.gateway.cache.stored == 0


async def test_clearing_forgets_answers_and_nothing_else(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=ON) as world:
        await ask(world)
        await world.gateway.store.put("session:x", b"1", 60)
        assert await world.gateway.cache.clear() == 1
        assert not (await ask(world)).race.cached
        assert await world.gateway.store.get("session:x") == b"1"


texts = st.text(st.characters(exclude_categories=("Cs",)))
EVENTS = st.lists(
    st.one_of(
        st.builds(AnswerStart, texts, st.dictionaries(texts, texts)),
        st.builds(TextDelta, texts),
        st.builds(ReasoningDelta, texts),
        st.builds(ToolCallDelta, st.integers(0, 9), texts, texts, texts),
        st.builds(ReasoningEnd, st.builds(ReasoningBlock, texts, texts, st.just({"a": [1, "b"]}))),
        st.builds(WireEvent, texts, texts, texts.map(str.encode)),
        st.builds(
            AnswerEnd,
            st.sampled_from(["stop", "length", "tool_calls"]),
            st.builds(
                Usage,
                st.integers(0, 9),
                st.integers(0, 9),
                billed_usd=st.decimals(0, 1, places=10),
            ),
        ),
    )
)


@given(EVENTS)
def test_an_answer_comes_back_as_it_was(events: list[Event]) -> None:
    answer = CachedAnswer(provider="p", kind="openai", model="m", events=events)
    assert read_answer(write_answer(answer)) == answer


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"version": 99}', b"\xff", b"null"])
def test_what_is_no_answer_is_none(data: bytes) -> None:
    assert read_answer(data) is None
