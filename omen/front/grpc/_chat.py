"""The two methods that run a race. One call is one nursery, as on every door."""

from __future__ import annotations

import time
from collections.abc import Sequence

import trio

from omen.core.callers import Caller
from omen.core.errors import OmenError
from omen.core.events import AnswerEnd, Event
from omen.core.records import RaceRecord
from omen.front.grpc._answer import chunk_message, completion_message
from omen.front.grpc._call import Call
from omen.front.grpc._omen_pb2 import ChatCompletionRequest
from omen.front.grpc._request import read_chat
from omen.front.http.dialect import ParsedRequest
from omen.front.http.race_report import (
    cost_headers,
    error_headers,
    explain,
    own_fault,
    race_headers,
)
from omen.front.http.request import cancel_when_gone, request_id_of
from omen.front.openai.api import CompletionCollector, completion_id, model_name
from omen.front.openai.write import ChunkWriter
from omen.gateway import Gateway


async def run_chat(
    gateway: Gateway, call: Call, caller: Caller, accepted_at: float, *, stream: bool
) -> None:
    """Answer one call. **Raises.** What keeps the race from being run; `ClientGoneError`.

    **Cancellation.** When the client leaves, everything the call started is closed.
    """
    request = await call.read_only(ChatCompletionRequest)
    asked = read_chat(request, call.headers, call.timeout, stream=stream)
    request_id = request_id_of(call.headers)
    race = gateway.plan(
        asked.model, asked.hints, accepted_at, request_id, request=asked.request, caller=caller
    )
    output = _Chunks(call, race, asked) if stream else _Whole(call, race, asked)
    async with trio.open_nursery() as nursery:
        scope = nursery.cancel_scope
        nursery.start_soon(cancel_when_gone, call.receive, scope, race, lambda: call.ended)
        error: OmenError | None = None
        try:
            await gateway.run(race, asked.request, output)
        except OmenError as failure:
            error = failure
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            error = own_fault(bug, f"race {race.race_id}")
        if error is not None:
            told = [*_named(race), *race_headers(race), *error_headers(error)]
            await call.end(error, metadata=told)
        nursery.cancel_scope.cancel()


class _Chunks:
    """Sends the winner's events as they come. Its headers go out at the commit."""

    def __init__(self, call: Call, race: RaceRecord, asked: ParsedRequest) -> None:
        self._call = call
        self._race = race
        self._asked = asked
        self._writer: ChunkWriter | None = None

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together as one piece."""
        race = self._race
        if self._writer is None:
            self._writer = ChunkWriter(
                completion_id(race), int(time.time()), model_name(race), include_usage=True
            )
            await self._call.begin([*_named(race), *race_headers(race)])
        ended = isinstance(events[-1], AnswerEnd)
        told = explain(race) if ended and self._asked.hints.explain else None
        chunks = [chunk for event in events for chunk in self._writer.chunks(event, told)]
        await self._call.write(*map(chunk_message, chunks))
        if ended:
            await self._call.end()


class _Whole:
    """Sends the answer when it is whole."""

    def __init__(self, call: Call, race: RaceRecord, asked: ParsedRequest) -> None:
        self._call = call
        self._race = race
        self._collector = CompletionCollector(asked)

    async def send(self, events: Sequence[Event]) -> None:
        """Add events up; at the answer's end, send the whole."""
        await self._collector.send(events)
        if isinstance(events[-1], AnswerEnd):
            race = self._race
            message = completion_message(self._collector.body(race))
            await self._call.begin([*_named(race), *race_headers(race), *cost_headers(race)])
            await self._call.write(message)
            await self._call.end()


def _named(race: RaceRecord) -> list[tuple[bytes, bytes]]:
    return [(b"x-request-id", race.request_id.encode())]
