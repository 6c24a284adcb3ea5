"""Stickiness: who made the conversation goes on with it, and a hedge does not take it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio
from trio.testing import MockClock

from omen.core.callers import ANYBODY, Caller
from omen.core.chat import ChatRequest, ImagePart, Message, TextPart, ToolCall
from omen.core.events import AnswerEnd, Event, Usage
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.routing.decide.affinity import Affinity, session_of
from omen.state import MemoryStore
from tests.docs.pages import someone
from tests.world import Received, World, open_world, upstream

BOTH = "slow/m,fast/m"
FLEET = (upstream("slow", first_token=3.0), upstream("fast", first_token=0.2))


async def say(
    world: World,
    *messages: Message,
    model: str = "slow/m,fast/m",
    caller: Caller = ANYBODY,
    user: str | None = None,
    **hints: object,
) -> Received:
    wanted = replace(RaceHints(strategy="single"), **hints)  # type: ignore[arg-type]
    request = ChatRequest(messages or (Message("user", (TextPart("hi"),)),), user=user)
    race = world.gateway.plan(model, wanted, trio.current_time(), request=request, caller=caller)
    received = Received(race)
    await world.gateway.run(race, request, received)
    return received


async def test_a_session_stays_with_who_began_it(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET) as world:
        asked = {"stickiness": "session", "session": "s1"}
        assert (await say(world, model="fast/m,slow/m", **asked)).winner == "fast"
        stayed = await say(world, model=BOTH, **asked)
        assert stayed.winner == "fast"
        assert stayed.race.plan.sticky is not None
        assert stayed.race.plan.sticky.warm
        assert "fast/m made the conversation so far" in stayed.race.plan.reason
        assert (await say(world, model=BOTH, stickiness="session", session="s2")).winner == "slow"
        assert (await say(world, model=BOTH, stickiness="turn", session="s1")).winner == "slow"
        other = Caller(key_id="other")
        assert (await say(world, model=BOTH, caller=other, **asked)).winner == "slow"
        await trio.sleep(3601)
        assert (await say(world, model=BOTH, **asked)).winner == "slow"


async def test_a_hedge_that_wins_does_not_steal_a_session(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET) as world:
        asked = {"stickiness": "session", "session": "s1"}
        assert (await say(world, model="slow/m", **asked)).winner == "slow"
        hedged = await say(
            world, model="fast/m,slow/m", strategy="speculate_k", k=2, hedge_delay=0.5, **asked
        )
        assert [a.role for a in hedged.race.attempts] == ["primary", "hedge"]
        assert hedged.winner == "fast"
        raced = await say(world, model=BOTH, strategy="race", k=2, **asked)
        assert raced.winner == "fast"
        assert (await say(world, model="fast/m,slow/m", **asked)).winner == "slow"


async def test_a_session_moves_when_its_provider_fails(autojump_clock: MockClock) -> None:
    sick = upstream("sick", first_token=0.2)
    async with open_world(sick, FLEET[1]) as world:
        asked = {"stickiness": "session", "session": "s1"}
        assert (await say(world, model="sick/m,fast/m", **asked)).winner == "sick"
        with sick.down():
            moved = await say(world, model="sick/m,fast/m", **asked)
            assert moved.outcomes == {"sick": "failed", "fast": "won"}
        assert (await say(world, model="sick/m,fast/m", **asked)).winner == "fast"


async def test_who_asks_again_as_soon_as_it_has_the_end_is_known(
    autojump_clock: MockClock,
) -> None:
    """With several replicas the next one may be asked before this one has settled its books."""
    again: list[Received] = []
    async with open_world(*FLEET) as world:
        asked = {"stickiness": "session", "session": "s1"}

        class Eager:
            async def send(self, events: Sequence[Event]) -> None:
                if isinstance(events[-1], AnswerEnd):
                    again.append(await say(world, model=BOTH, **asked))

        hints = RaceHints(strategy="single", **asked)  # type: ignore[arg-type]
        request = ChatRequest((Message("user", (TextPart("hi"),)),))
        race = world.gateway.plan("fast/m", hints, trio.current_time(), request=request)
        await world.gateway.run(race, request, Eager())
    assert [one.outcomes for one in again] == [{"fast": "won"}]


async def test_who_stands_badly_is_not_stuck_to(autojump_clock: MockClock) -> None:
    sick = upstream("sick", first_token=0.2)
    async with open_world(sick, FLEET[1]) as world:
        asked = {"stickiness": "session", "session": "s1"}
        await say(world, model="sick/m,fast/m", **asked)
        with sick.down():
            for _ in range(3):
                await world.ask(strategy="single", model="sick/m")
        assert (await say(world, model="sick/m,fast/m", **asked)).outcomes == {"fast": "won"}


class TestTurns:
    async def test_the_result_of_a_call_goes_to_who_made_it(
        self, autojump_clock: MockClock
    ) -> None:
        affinity, race = scene()
        await affinity.remember(race, ChatRequest(()), ["call_1", "call_2"])
        assert await sticky(affinity, "call_2") == "p/m"
        assert await sticky(affinity, "call_3") is None
        assert await sticky(affinity, "call_1", stickiness="none") is None
        assert await sticky(affinity, "call_1", caller=Caller(key_id="other")) is None

    async def test_a_turn_that_is_over_sticks_to_nobody(self, autojump_clock: MockClock) -> None:
        affinity, race = scene()
        await affinity.remember(race, ChatRequest(()), ["call_1"])
        answer = Message("assistant", (TextPart("it is that"),))
        again = Message("user", (TextPart("thanks, and now?"),))
        assert await sticky(affinity, "call_1", and_then=(answer, again)) is None
        assert await sticky(affinity, "call_1", and_then=(answer,)) is None

    async def test_words_and_pictures_behind_a_result_belong_to_its_turn(
        self, autojump_clock: MockClock
    ) -> None:
        """Core defect 17: coding agents put a reminder, or the picture of a result, there."""
        affinity, race = scene()
        await affinity.remember(race, ChatRequest(()), ["call_1"])
        reminder = Message("user", (TextPart("<system-reminder>be nice</system-reminder>"),))
        picture = Message("user", (ImagePart("data:image/png;base64,aGk="),))
        for behind in ((reminder,), (picture,), (picture, reminder), (Message("system"),)):
            assert await sticky(affinity, "call_1", and_then=behind) == "p/m"

    async def test_an_answer_that_broke_off_is_not_remembered(
        self, autojump_clock: MockClock
    ) -> None:
        affinity, race = scene()
        assert race.winner is not None
        race.winner.complete = False
        await affinity.remember(race, ChatRequest(()), ["call_1"])
        assert await sticky(affinity, "call_1") is None


def scene() -> tuple[Affinity, RaceRecord]:
    return Affinity(MemoryStore(), lambda candidate: (0, 0)), won()


def won() -> RaceRecord:
    record = AttemptRecord(0, someone(), 0.0, committed_at=0.5, complete=True, usage=Usage(1, 1))
    return RaceRecord("r", Plan("single", (someone(),)), 0.0, attempts=[record], winner=record)


async def sticky(
    affinity: Affinity,
    call: str,
    *,
    and_then: tuple[Message, ...] = (),
    caller: Caller = ANYBODY,
    **hints: object,
) -> str | None:
    race = won()
    race.caller, race.hints = caller, RaceHints(**hints)  # type: ignore[arg-type]
    messages = [
        Message("user", (TextPart("what is it?"),)),
        Message("assistant", tool_calls=(ToolCall(call, "look", "{}"),)),
        Message("tool", (TextPart("it is this"),), tool_call_id=call),
    ]
    maker = await affinity.find(race, ChatRequest((*messages, *and_then)))
    return None if maker is None else maker.name


class TestSessionNames:
    def name(self, hints: RaceHints | None = None, **request: object) -> str:
        race = won()
        race.hints = hints or RaceHints()
        messages = (
            Message("system", (TextPart("be brief"),)),
            Message("user", (TextPart("first"),)),
            Message("user", (TextPart("second"),)),
        )
        return session_of(race, ChatRequest(messages, **request))  # type: ignore[arg-type]

    def test_what_the_caller_calls_it_comes_first(self) -> None:
        named = RaceHints(session="mine")
        assert self.name(named, user="u", extras={"prompt_cache_key": "c"}) == "said:mine"
        assert self.name(user="u", extras={"prompt_cache_key": "c"}) == "said:c"
        assert self.name(user="u") == "said:u"

    def test_else_it_is_how_the_conversation_began(self) -> None:
        assert self.name() == "begun:be brief\n\nfirst"
