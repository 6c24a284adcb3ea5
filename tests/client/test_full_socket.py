"""A gateway that takes nothing more: what is half written, and how long leaving takes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
import trio.abc
from pydantic_core import from_json

import omen.client
from omen.client._client import END_SECONDS, Client
from omen.client._link import Link
from omen.client._outbox import WRITE_SECONDS
from omen.core.events import TextDelta


class FullSocket:
    """A websocket whose peer takes nothing more, as a link sees it."""

    def __init__(self, takes: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.halves: list[dict[str, Any]] = []
        self._takes = takes

    async def send_message(self, text: str) -> None:
        frame = from_json(text)
        if len(self.taken) >= self._takes:
            self.halves.append(frame)
            await trio.sleep_forever()
        await trio.sleep(0.01)
        self.taken.append(frame)

    async def get_message(self) -> str:
        await trio.sleep_forever()
        raise AssertionError

    async def ping(self) -> None:
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def linked(sockets: Sequence[FullSocket]) -> AsyncIterator[Client]:
    """A client whose link has these sockets, one after the other."""
    link = Link("http://h/omen/ws", [], 4)

    async def run() -> None:
        for socket in sockets:
            await link._needed.wait()
            await link._use(socket)  # type: ignore[arg-type]

    async with httpx.AsyncClient() as http, trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield Client(http, link)
        nursery.cancel_scope.cancel()


async def test_leaving_a_stream_takes_no_longer_than_it_may(
    autojump_clock: trio.abc.Clock,
) -> None:
    socket = FullSocket(takes=1)
    async with linked([socket]) as client:
        async with client.race("hi"):
            began = trio.current_time()
        assert trio.current_time() - began == pytest.approx(END_SECONDS)
    assert socket.halves == [{"type": "cancel", "id": "r1"}]


async def test_also_when_the_caller_is_cancelled(autojump_clock: trio.abc.Clock) -> None:
    async with linked([FullSocket(takes=1)]) as client:
        began = trio.current_time()
        with trio.move_on_after(1):
            async with client.race("hi"):
                await trio.sleep_forever()
        assert trio.current_time() - began == pytest.approx(1 + END_SECONDS)


async def test_a_frame_that_is_not_taken_ends_the_connection_it_is_half_in(
    autojump_clock: trio.abc.Clock,
) -> None:
    """What follows it would be read as the rest of it. The next race has another connection."""
    full, fresh = FullSocket(takes=1), FullSocket(takes=9)
    async with linked([full, fresh]) as client:
        began = trio.current_time()
        async with client.race("first") as stream:
            with pytest.raises(omen.client.ConnectionLost, match="did not accept a frame within"):
                async with client.race("second"):
                    pass
            assert trio.current_time() - began == pytest.approx(0.01 + WRITE_SECONDS)
            with pytest.raises(omen.client.ConnectionLost, match="did not accept a frame within"):
                await anext(stream)
        assert "not connected" in repr(client)
        async with client.race("third"):
            pass
    assert [frame["type"] for frame in fresh.taken] == ["request", "cancel"]
    assert len(full.taken) == len(full.halves) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_frames_go_out_whole_and_in_order_whoever_is_cancelled(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    scheduler.seed(seed)
    dice = random.Random(seed)
    socket = FullSocket(takes=1000)

    async def race(client: Client) -> None:
        with trio.move_on_after(dice.choice([0, 0.001, 0.01, 0.02, 0.05])):
            async with client.race("hi"):
                await trio.sleep(dice.choice([0, 0.01, 1]))

    async with linked([socket]) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(race, client)
        await trio.sleep(1)
    assert socket.halves == []
    asked = [frame["id"] for frame in socket.taken if frame["type"] == "request"]
    ended = [frame["id"] for frame in socket.taken if frame["type"] == "cancel"]
    assert sorted(asked) == sorted(ended)
    for one in asked:
        ids = [frame["type"] for frame in socket.taken if frame["id"] == one]
        assert ids == ["request", "cancel"]


async def test_a_read_that_is_cancelled_while_it_gives_credit_gives_it_once(
    autojump_clock: trio.abc.Clock,
) -> None:
    socket = FullSocket(takes=1000)
    async with linked([socket]) as client:
        async with client.race("hi") as stream:
            for number in range(8):
                delta = {"content": str(number)}
                chunk = {"choices": [{"index": 0, "delta": delta}]}
                stream.put({"type": "chunk", "id": stream.id, "chunk": chunk})
            read: list[str] = []
            while len(read) < 8:
                with trio.move_on_after(0.004):
                    event = await anext(stream)
                    read += [event.text] if isinstance(event, TextDelta) else []
            await trio.sleep(1)
            given = [frame["chunks"] for frame in socket.taken if frame["type"] == "credit"]
            assert "".join(read) == "01234567"
            assert sum(given) == 8
