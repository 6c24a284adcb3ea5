"""The two methods that run a race. One call is one nursery, as on every door."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import trio

from omen.core.callers import Caller
from omen.core.errors import OmenError
from omen.core.events import AnswerEnd, Event, event_size
from omen.core.records import RaceRecord
from omen.front.grpc._answer import chunk_message, completion_message
from omen.front.grpc._call import Call
from omen.front.grpc._omen_pb2 import (
    ChatCompletionChunk,
    ChatCompletionRequest,
    ChatCompletionResponse,
)
from omen.front.grpc._request import read_chat
from omen.front.http.dialect import ParsedRequest
from omen.front.http.race_report import (
    cost_headers,
    error_headers,
    explain,
    own_fault,
    race_headers,
)
from omen.front.http.request import cancel_when_gone
from omen.front.http.signs_of_life import SignsOfLife
from omen.front.openai.api import CompletionCollector, completion_id, model_name
from omen.front.openai.write import ChunkWriter
from omen.gateway import Gateway
from omen.isolation import EVENT_BYTES, HEAVY_BYTES, off_loop, too_much_held


async def run_chat(
    gateway: Gateway,
    call: Call,
    caller: Caller,
    accepted_at: float,
    *,
    keepalive_after: float | None,
) -> None:
    """Answer one call: as a stream with signs of life, or whole without `keepalive_after`.

    **Raises.** What keeps the race from being run; `ClientGoneError`.

    **Cancellation.** When the client leaves, everything the call started is closed.
    """
    request = await call.read_only(ChatCompletionRequest)
    stream = keepalive_after is not None
    read = partial(
        read_chat,
        request,
        call.headers,
        call.timeout,
        stream=stream,
        counts=call.limits.counts,
        is_heavy=call.is_heavy,
    )
    asked = await off_loop(read) if call.is_heavy else read()
    record = call.record
    record.model = asked.model
    race = gateway.plan(
        asked.model,
        asked.hints,
        accepted_at,
        record.request_id,
        request=asked.request,
        caller=caller,
    )
    record.set_race(race)
    race.prompt = asked.request.size
    race.is_held = not stream
    output = _Chunks(call, race, asked) if stream else _Whole(call, race, asked)
    async with trio.open_nursery() as nursery:
        scope = nursery.cancel_scope
        nursery.start_soon(cancel_when_gone, call.receive, scope, race, lambda: call.ended)
        if isinstance(output, _Chunks) and keepalive_after is not None:
            first = accepted_at + keepalive_after
            signs = output.signs
            nursery.start_soon(signs.keep_alive, first, keepalive_after, output.send_sign)
        error: OmenError | None = None
        try:
            await gateway.run(race, asked.request, output)
        except OmenError as failure:
            error = failure
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            error = own_fault(bug, f"race {race.race_id}")
        if isinstance(output, _Chunks):
            await output.signs.silence()
        if error is not None:
            told = [*_named(race), *race_headers(race), *error_headers(error)]
            await call.end(error, metadata=told)
        nursery.cancel_scope.cancel()


class _Chunks:
    """Sends the winner's events as they come.

    Its headers go out at the commit, or earlier with the first sign of life. A sign of life is a
    chunk without choices, and not a frame of HTTP/2 alone: it passes every proxy on the way.
    """

    def __init__(self, call: Call, race: RaceRecord, asked: ParsedRequest) -> None:
        self._call = call
        self._race = race
        self._asked = asked
        self._created = int(time.time())
        self._writer: ChunkWriter | None = None
        self.signs = SignsOfLife()

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together as one piece."""
        try:
            await self.signs.hold()
            await self._send(events)
        finally:
            self.signs.release()

    async def _send(self, events: Sequence[Event]) -> None:
        race = self._race
        if self._writer is None:
            self._writer = ChunkWriter(
                completion_id(race), self._created, model_name(race), include_usage=True
            )
            await self._begin()
        ended = isinstance(events[-1], AnswerEnd)
        told = explain(race) if ended and self._asked.hints.explain else None
        chunks = [chunk for event in events for chunk in self._writer.chunks(event, told)]
        await self._call.write(*map(chunk_message, chunks))
        if ended:
            self.signs.over = True
            await self._call.end()

    async def send_sign(self) -> None:
        """Send a sign of life, for `SignsOfLife.keep_alive`."""
        await self._begin()
        sign = ChatCompletionChunk(
            id=completion_id(self._race), object="chat.completion.chunk", created=self._created
        )
        await self._call.write(sign)

    async def _begin(self) -> None:
        await self._call.begin([*_named(self._race), *race_headers(self._race)])


class _Whole:
    """Sends the answer when it is whole."""

    def __init__(self, call: Call, race: RaceRecord, asked: ParsedRequest) -> None:
        self._call = call
        self._race = race
        self._collector = CompletionCollector(asked)
        self._size = 0

    async def send(self, events: Sequence[Event]) -> None:
        """Add events up; at the answer's end, send the whole."""
        size = sum(map(event_size, events)) + EVENT_BYTES * len(events)
        self._size += size
        if not self._call.held.grow(size):
            raise too_much_held()
        await self._collector.send(events)
        if isinstance(events[-1], AnswerEnd):
            race = self._race
            make = partial(self._message, race)
            message = await off_loop(make) if self._size > HEAVY_BYTES else make()
            await self._call.begin([*_named(race), *race_headers(race), *cost_headers(race)])
            await self._call.write(message)
            await self._call.end()

    def _message(self, race: RaceRecord) -> ChatCompletionResponse:
        return completion_message(self._collector.body(race))


def _named(race: RaceRecord) -> list[tuple[bytes, bytes]]:
    return [(b"x-request-id", race.request_id.encode())]
