"""Reasoning comes back with the calls that it led to, and its memory is bounded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from omen.core.chat import ChatRequest, Message, ReasoningBlock, Tool, Verbatim
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    MessageFields,
    ReasoningEnd,
    Restart,
    TextDelta,
    ToolCallDelta,
)
from omen.race.reasoning import ReasoningMemory
from tests.providers.asking import called, result, said

TOOLS = (Tool("f"),)
ASKED = ChatRequest((said("user", "hi"),), tools=TOOLS)


def block(text: str) -> ReasoningBlock:
    return ReasoningBlock("anthropic", "claude", {"type": "thinking", "signature": text})


class Client:
    """The events that a client got, and the blocks in memory at that moment."""

    def __init__(self, memory: ReasoningMemory) -> None:
        self.sent: list[Event] = []
        self._memory = memory
        self.recalled: list[tuple[ReasoningBlock, ...]] = []

    async def send(self, events: Sequence[Event]) -> None:
        self.sent += events
        self.recalled.append(recalled(self._memory, "c1"))


def recalled(memory: ReasoningMemory, call_id: str) -> tuple[ReasoningBlock, ...]:
    request = ChatRequest((said("user", "hi"), called((call_id, "f", "{}")), result(call_id, "x")))
    return memory.recall(request).messages[1].reasoning


async def ended(call_ids: Sequence[str]) -> None:
    """Do nothing; the tests of stickiness look at it."""


async def answer(memory: ReasoningMemory, *events: Event, asked: ChatRequest = ASKED) -> Client:
    client = Client(memory)
    output = memory.watch(asked, client, ended)
    for event in events:
        await output.send([event])
    assert client.sent == list(events)
    return client


CALLS = (ToolCallDelta(0, "c1", "f", "{}"), ToolCallDelta(1, "c2", "f"), ToolCallDelta(1))
END = AnswerEnd("tool_calls")


async def test_what_led_to_calls_comes_back_with_each_of_them() -> None:
    memory = ReasoningMemory()
    one, two = block("a"), block("b")
    events = (AnswerStart(), ReasoningEnd(one), ReasoningEnd(two), *CALLS, END)
    client = await answer(memory, *events)
    assert recalled(memory, "c1") == recalled(memory, "c2") == (one, two)
    assert client.recalled[-1] == (one, two)  # it was there before the client had the end
    assert client.recalled[-2] == ()


async def test_reasoning_that_led_to_no_call_is_not_kept() -> None:
    memory = ReasoningMemory()
    await answer(memory, ReasoningEnd(block("a")), TextDelta("yes"), AnswerEnd("stop"))
    assert repr(memory) == "<ReasoningMemory 0 calls, 0 bytes>"


async def test_an_answer_that_breaks_off_leaves_nothing() -> None:
    memory = ReasoningMemory()
    await answer(memory, ReasoningEnd(block("a")), *CALLS)
    assert recalled(memory, "c1") == ()


async def test_who_brings_his_own_reasoning_is_left_alone() -> None:
    memory = ReasoningMemory()
    verbatim = ChatRequest(ASKED.messages, tools=TOOLS, verbatim=Verbatim("anthropic", {}))
    await answer(memory, ReasoningEnd(block("a")), *CALLS, END, asked=verbatim)
    assert recalled(memory, "c1") == ()


async def test_the_reasoning_of_another_vendor_is_kept_for_him_too() -> None:
    memory = ReasoningMemory()
    verbatim = ChatRequest(ASKED.messages, tools=TOOLS, verbatim=Verbatim("anthropic", {}))
    item = ReasoningBlock("openai", "gpt-5.4", {"type": "reasoning", "encrypted_content": "x"})
    await answer(memory, ReasoningEnd(item), *CALLS, END, asked=verbatim)
    assert recalled(memory, "c1") == (item,)


SIGNED = {"extra_content": {"google": {"thought_signature": "sig"}}}
DETAIL = {"type": "reasoning.encrypted", "data": "x"}


@pytest.mark.parametrize("verbatim", [None, Verbatim("anthropic", {})])
async def test_fields_that_a_vendor_wants_back_come_back_with_their_call(
    verbatim: Verbatim | None,
) -> None:
    memory = ReasoningMemory()
    asked = ChatRequest(ASKED.messages, tools=TOOLS, verbatim=verbatim)
    one, *others = CALLS
    details = MessageFields({"reasoning_details": [DETAIL], "images": []})
    await answer(memory, details, replace(one, extras=SIGNED), *others, END, asked=asked)
    message = called(("c1", "f", "{}"), ("c2", "f", "{}"))
    (known,) = memory.recall(replace(asked, messages=(message,))).messages
    assert [call.extras for call in known.tool_calls] == [SIGNED, {}]
    assert known.extras == {"reasoning_details": [DETAIL]}


async def test_what_a_client_brings_back_itself_is_not_replaced() -> None:
    memory = ReasoningMemory()
    memory.keep(["c1"], (), {"c1": SIGNED}, {"reasoning_details": [DETAIL]})
    call = called(("c1", "f", "{}"))
    own = {"extra_content": {"google": {"thought_signature": "its own"}}}
    calls = (replace(call.tool_calls[0], extras=own),)
    message = replace(call, tool_calls=calls, extras={"reasoning_details": []})
    (known,) = memory.recall(ChatRequest((message,))).messages
    assert known == message


async def test_a_restart_forgets_the_answer_before_it() -> None:
    memory = ReasoningMemory()
    await answer(memory, ReasoningEnd(block("a")), CALLS[0], Restart(), CALLS[1], CALLS[2], END)
    assert repr(memory) == "<ReasoningMemory 0 calls, 0 bytes>"


def test_a_conversation_without_known_calls_is_the_same_object() -> None:
    memory = ReasoningMemory()
    memory.keep(["c1"], (block("a"),))
    assert memory.recall(ASKED) is ASKED


def test_the_least_recently_used_is_forgotten_first() -> None:
    memory = ReasoningMemory(most_bytes=35_000)
    for call_id in ("c1", "c2", "c3"):
        memory.keep([call_id], (block(call_id * 5_000),))
    assert recalled(memory, "c1")
    memory.keep(["c4"], (block("c4" * 5_000),))
    assert recalled(memory, "c2") == ()
    assert [bool(recalled(memory, call_id)) for call_id in ("c1", "c3", "c4")] == [True] * 3


def test_a_call_that_is_kept_again_counts_once() -> None:
    memory = ReasoningMemory()
    memory.keep(["c1"], (block("x" * 10),))
    once = repr(memory)
    memory.keep(["c1", "c1"], (block("x" * 10),))
    assert repr(memory) == once


@pytest.mark.parametrize("text", ["", "x" * 500, "思" * 500])
def test_the_bound_is_of_the_memory_that_it_really_takes(text: str) -> None:
    most_bytes = 500_000
    memory = ReasoningMemory(most_bytes)
    tracemalloc.start()
    try:
        for n in range(3_000):
            memory.keep([f"call_{n:024d}"], (block(f"{text}{n}"),))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 * most_bytes < taken < 1.5 * most_bytes


def test_messages_other_than_calls_are_never_touched() -> None:
    memory = ReasoningMemory()
    memory.keep(["c1"], (block("a"),))
    request = ChatRequest((said("user", "c1"), result("c1", "x"), Message("assistant")))
    assert memory.recall(request) is request


class TestWhereAThoughtWas:
    """Calls of one answer may come back in one message or in several."""

    async def kept(self) -> ReasoningMemory:
        memory = ReasoningMemory()
        first, second = CALLS[0], CALLS[1]
        thoughts = [ReasoningEnd(block(name)) for name in "abc"]
        told = TextDelta("So:")
        events = (thoughts[0], told, thoughts[1], first, thoughts[2], second, CALLS[2], END)
        await answer(memory, *events)
        return memory

    async def test_each_knows_what_it_preceded(self) -> None:
        memory = await self.kept()
        request = ChatRequest((called(("c1", "f", "{}"), ("c2", "f", "{}")),))
        (message,) = memory.recall(request).messages
        assert [one.before for one in message.reasoning] == ["", "c1", "c2"]

    async def test_a_message_has_those_of_its_own_calls_and_none_comes_twice(self) -> None:
        memory = await self.kept()
        turns = (called(("c1", "f", "{}")), result("c1", "x"), called(("c2", "f", "{}")))
        one, _, two = memory.recall(ChatRequest(turns)).messages
        assert one.reasoning == (block("a"), block("b"))
        assert two.reasoning == (block("c"),)

    async def test_a_call_alone_has_all_that_led_to_it(self) -> None:
        memory = await self.kept()
        assert recalled(memory, "c2") == (block("a"), block("b"), block("c"))
