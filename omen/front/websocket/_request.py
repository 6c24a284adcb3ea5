"""One request of a websocket: it ends with exactly one `done` or `error`, however it ends."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from omen.admission import Controller
from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.core.json_reading import SMALL
from omen.core.records import RaceRecord
from omen.core.requests import RequestRecord
from omen.core.trace import raw_headers
from omen.front.http.auth import shown_key
from omen.front.http.dialect import ParsedRequest
from omen.front.http.race_report import own_fault, retry_after_of
from omen.front.http.request import TAIL_SECONDS, BodyLimits, hold_bytes, request_id_of
from omen.front.http.weighing import within_bounds
from omen.front.openai.api import completion_id, model_name
from omen.front.openai.parse import parse_chat
from omen.front.openai.write import ChunkWriter, error_object
from omen.front.websocket._frames import RequestFrame, chat_body
from omen.front.websocket._output import SocketOutput
from omen.gateway import Gateway
from omen.isolation import off_loop
from omen.telemetry import LiveFeed

LAST_FRAME_SECONDS = 30.0
"""How long the frame that ends a request may wait for its turn on the socket."""

SOCKET_PATH = "/omen/ws"

Put = Callable[[Mapping[str, Any]], Awaitable[None]]


class SocketRequest:
    """A request that runs. `put` writes a frame; `identify` says who asks, now.

    `size` is that of its frame, in bytes.
    """

    def __init__(
        self,
        frame: RequestFrame,
        headers: Mapping[str, str],
        put: Put,
        identify: Callable[[], Awaitable[Caller]],
        gone: Callable[[], None],
        *,
        limits: BodyLimits,
        size: int,
    ) -> None:
        self.id = frame.id
        self._frame = frame
        self._headers = headers
        self._put = put
        self._identify = identify
        self._gone = gone
        self._limits = limits
        self._size = size
        self._accepted_at = trio.current_time()
        self._scope = trio.CancelScope()
        self._race: RaceRecord | None = None
        self._record = RequestRecord("websocket", "GET", SOCKET_PATH, self._accepted_at, 0.0)
        self._output: SocketOutput | None = None
        self._credit = 0
        self._ended = False
        self._left_at: float | None = None

    def __repr__(self) -> str:
        return f"<SocketRequest {self.id!r}{' ended' if self._ended else ''}>"

    def cancel(self) -> None:
        """End it because its client wants no more of it."""
        self.note_client_left()
        self._scope.cancel()

    def note_client_left(self) -> None:
        """Note that what ends it now is its client's leaving."""
        if not self._ended:
            self._left_at = trio.current_time()
            if self._race is not None:
                self._race.client_left_at = self._left_at

    def widen(self, chunks: int) -> None:
        """Let so many more chunks be sent."""
        if self._output is None:
            self._credit += chunks
        else:
            self._output.window.widen(chunks)

    async def run(
        self, gateway: Gateway, feed: LiveFeed, admission: Controller | None = None
    ) -> None:
        """Run it to its end. **Cancellation.** Every upstream stream is closed."""
        record = self._record = gateway.requests.begin(
            "websocket", "GET", SOCKET_PATH, raw_headers(self._headers)
        )
        record.request_id, record.sent_status = request_id_of({}), 200
        with gateway.requests.recorded(record):
            try:
                await self._run(gateway, feed, admission)
            finally:
                record.left = self._left_at is not None
                self._output = None  # a cycle, which only a collection would free

    async def _run(self, gateway: Gateway, feed: LiveFeed, admission: Controller | None) -> None:
        with self._scope:
            try:
                async with begun(admission, self._headers):
                    await self._answer(gateway, feed)
            except OmenError as error:
                await self._fail(error)
            except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
                await self._fail(own_fault(bug, f"websocket request {self._record.request_id}"))
        if self._scope.cancelled_caught and not self._ended:
            cancelled = RequestError("cancelled by its client", status=499, code="cancelled")
            await self.finish({"type": "error", "error": socket_error(cancelled)})

    async def _answer(self, gateway: Gateway, feed: LiveFeed) -> None:
        with self._limits.in_flight.hold() as held:
            hold_bytes(held, self._size)
            await self._answer_held(gateway, feed)

    async def _answer_held(self, gateway: Gateway, feed: LiveFeed) -> None:
        record = self._record
        caller = record.caller = await self._identify()
        with gateway.keys.running.take(caller):
            await self._race_for(caller, gateway, feed)

    async def _race_for(self, caller: Caller, gateway: Gateway, feed: LiveFeed) -> None:
        record = self._record
        asked = await self._parsed()
        record.model = asked.model
        race = self._race = gateway.plan(
            asked.model,
            asked.hints,
            self._accepted_at,
            record.request_id,
            request=asked.request,
            caller=caller,
        )
        record.set_race(race)
        race.prompt = asked.request.size
        race.client_left_at = self._left_at
        if not asked.hints.explain:
            await gateway.run(race, asked.request, self._make_output(race, asked))
            return
        with feed.follow(race.race_id) as moments:
            output = self._make_output(race, asked, moments)
            error = await _run_beside(output.show_moments, gateway, race, asked, output)
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame, which holds the request

    async def _parsed(self) -> ParsedRequest:
        """Return what is asked; a heavy request is read in a worker thread."""
        if self._size <= SMALL:
            return self._parse(is_heavy=False)
        return await off_loop(partial(self._parse, is_heavy=True))

    def _parse(self, *, is_heavy: bool) -> ParsedRequest:
        body = chat_body(self._frame, is_heavy=is_heavy)
        asked = parse_chat(body, self._headers)
        request = within_bounds(asked.request, self._limits.counts, is_heavy=is_heavy)
        return replace(asked, request=request)

    def _make_output(
        self, race: RaceRecord, asked: ParsedRequest, moments: Any | None = None
    ) -> SocketOutput:
        self._output = SocketOutput(
            self,
            race,
            partial(_writer, race, asked),
            self._frame.window,
            moments,
            progress=self._frame.progress,
        )
        self._output.window.widen(self._credit)
        return self._output

    async def tell(self, frame: Mapping[str, Any]) -> None:
        """Write a frame about this request, unless its last one was written."""
        if not self._ended:
            await self._put({"type": frame["type"], "id": self.id, **frame})

    async def finish(self, frame: Mapping[str, Any]) -> None:
        """Send the last frame; its client may use the id again when it has it."""
        if self._ended:
            return
        self._ended = True
        self._record.is_complete = frame["type"] == "done"
        self._gone()
        until = trio.current_time() + LAST_FRAME_SECONDS
        with trio.CancelScope(shield=True, deadline=until):
            await self._put({"type": frame["type"], "id": self.id, **frame})
        self._scope.deadline = trio.current_time() + TAIL_SECONDS

    async def _fail(self, error: OmenError) -> None:
        self._record.set_error(error)
        await self.finish({"type": "error", "error": socket_error(error)})


@asynccontextmanager
async def begun(admission: Controller | None, headers: Mapping[str, str]) -> AsyncIterator[None]:
    """Wait for the turn of a request, as the request of any other door does.

    **Raises.** `OverloadedError`.
    """
    if admission is None:
        yield
        return
    key = shown_key(headers)
    ticket = await admission.enter(admission.flow(key.encode() if key else None, None))
    try:
        yield
    finally:
        ticket.end()


def socket_error(error: OmenError) -> dict[str, Any]:
    """Write an error as OpenAI does, and with the status it would have had over HTTP."""
    told: dict[str, Any] = {**error_object(error)["error"], "status": error.status}
    wait = retry_after_of(error)
    if wait is not None:
        told["retry_after"] = wait
    return told


async def _run_beside(
    show: Callable[[], Awaitable[None]],
    gateway: Gateway,
    race: RaceRecord,
    asked: ParsedRequest,
    output: SocketOutput,
) -> OmenError | None:
    """Run a race while its moments are shown; give its error, which no group shall wrap."""
    failed: OmenError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show)
        try:
            await gateway.run(race, asked.request, output)
        except OmenError as error:
            failed = error
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            failed = own_fault(bug, f"race {race.race_id}")
        nursery.cancel_scope.cancel()
    return failed


def _writer(race: RaceRecord, asked: ParsedRequest) -> ChunkWriter:
    return ChunkWriter(
        completion_id(race),
        int(time.time()),
        model_name(race),
        asked.include_usage,
        vendor_fields=asked.hints.vendor_fields,
    )
