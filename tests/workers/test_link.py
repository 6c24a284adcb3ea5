"""Calls between two processes are answered in order, and fail when the connection ends."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from omen.gateway.workers._link import MOST_SLOW_CALLS, Handlers, Link, LinkError, Result


def pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    here, there = socket.socketpair()
    return (
        trio.SocketStream(trio.socket.from_stdlib_socket(here)),
        trio.SocketStream(trio.socket.from_stdlib_socket(there)),
    )


@asynccontextmanager
async def links(handlers: Handlers) -> AsyncIterator[tuple[Link, Link]]:
    here, there = pair()
    caller, answerer = Link(here, Handlers()), Link(there, handlers)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)
            nursery.start_soon(answerer.run)
            yield caller, answerer
            nursery.cancel_scope.cancel()


async def test_prompt_calls_are_answered_in_their_order() -> None:
    seen: list[int] = []

    async def note(value: Any, blob: bytes) -> Result:
        seen.append(value)
        return Result(value + 1, blob * 2)

    async with links(Handlers({"note": note})) as (caller, _):
        answers: dict[int, Result] = {}

        async def call(number: int) -> None:
            answers[number] = await caller.call("note", number, b"ab")

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(call, number)
    assert sorted(seen) == list(range(50))
    assert answers == {number: Result(number + 1, b"abab") for number in range(50)}


async def test_a_slow_call_holds_up_no_other_one() -> None:
    release = trio.Event()

    async def slow(value: Any, blob: bytes) -> Result:
        await release.wait()
        return Result("slow")

    async def prompt(value: Any, blob: bytes) -> Result:
        return Result("prompt")

    async with links(Handlers({"prompt": prompt}, {"slow": slow})) as (caller, _):
        async with trio.open_nursery() as nursery:
            late: list[Any] = []

            async def call_slowly() -> None:
                late.append((await caller.call("slow")).value)

            nursery.start_soon(call_slowly)
            assert (await caller.call("prompt")).value == "prompt"
            assert late == []
            release.set()
        assert late == ["slow"]


async def test_slow_calls_are_bounded() -> None:
    async def slow(value: Any, blob: bytes) -> Result:
        await trio.sleep_forever()
        raise AssertionError

    async with links(Handlers({}, {"slow": slow})) as (caller, _):
        async with trio.open_nursery() as nursery:
            for _ in range(MOST_SLOW_CALLS):
                nursery.start_soon(caller.call, "slow")
            await trio.testing.wait_all_tasks_blocked(0.05)
            with pytest.raises(LinkError, match="too many calls wait"):
                await caller.call("slow")
            nursery.cancel_scope.cancel()


async def test_refusals_and_misunderstandings_reach_the_caller() -> None:
    async def refuse(value: Any, blob: bytes) -> Result:
        raise LinkError("no room")

    async def unpack(value: Any, blob: bytes) -> Result:
        one, two = value
        return Result(one + two)

    async with links(Handlers({"refuse": refuse, "unpack": unpack})) as (caller, _):
        with pytest.raises(LinkError, match="no room"):
            await caller.call("refuse")
        with pytest.raises(LinkError, match="unknown form"):
            await caller.call("unpack", [1, 2, 3])
        with pytest.raises(LinkError, match="no such call"):
            await caller.call("other")
        assert (await caller.call("unpack", [1, 2])).value == 3


async def test_a_cancelled_call_leaves_the_connection_as_it_was() -> None:
    async def echo(value: Any, blob: bytes) -> Result:
        return Result(value, blob)

    large = bytes(4 * 1024 * 1024)  # more than the kernel takes at once
    async with links(Handlers({"echo": echo})) as (caller, _):
        for _ in range(3):
            with trio.move_on_after(0):
                await caller.call("echo", None, large)
        assert await caller.call("echo", "still in step") == Result("still in step", b"")


async def test_calls_fail_when_the_connection_ends() -> None:
    here, there = pair()
    caller = Link(here, Handlers())
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)

            async def call() -> None:
                with pytest.raises(LinkError):
                    await caller.call("store.get", "k")

            nursery.start_soon(call)
            await trio.testing.wait_all_tasks_blocked(0.01)
            await there.aclose()
        assert caller.has_ended
        with pytest.raises(LinkError):
            await caller.call("store.get", "k")
        assert not caller.note("moment", {})


async def test_a_peer_that_speaks_something_else_is_cut_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = pair()
    link = Link(here, Handlers())
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, there:
            nursery.start_soon(link.run)
            await there.send_all(b"GET / HTTP/1.1\r\n\r\n")
            assert await there.receive_some() == b""
    assert "do not understand each other" in caplog.text
