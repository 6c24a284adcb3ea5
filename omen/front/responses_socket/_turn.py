"""One `response.create`: it ends with one end of a response, or with one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import trio

from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.core.events import AnswerEnd, Usage
from omen.core.json_reading import SMALL
from omen.core.records import RaceRecord
from omen.core.requests import RequestRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.http.race_report import own_fault
from omen.front.http.request import TAIL_SECONDS, hold_bytes, request_id_of
from omen.front.http.weighing import within_bounds
from omen.front.responses import Responses
from omen.front.responses_socket._conversations import Conversations
from omen.front.responses_socket._frames import Create, Items, body_of, items_of
from omen.front.responses_socket._output import Put, ResponseOutput, error_message
from omen.front.websocket import Door, Opened, begun
from omen.isolation import BytesHeld, off_loop

SOCKET_PATH = "/v1/responses"
LAST_SECONDS = 30.0
"""How long the message that ends a turn may wait for its turn on the socket."""

_DIALECT = Responses()


def begin_record(door: Door) -> RequestRecord:
    """Return the record of a request on a socket of this door."""
    record = door.gateway.requests.begin("responses_websocket", "GET", SOCKET_PATH)
    record.request_id, record.sent_status = request_id_of({}), 200
    return record


class Turn:
    """A turn that waits or runs. `put` sends a message, `held` holds its bytes until its end."""

    def __init__(
        self,
        door: Door,
        opened: Opened,
        create: Create,
        *,
        conversations: Conversations,
        held: BytesHeld,
        put: Put,
        pause: float,
    ) -> None:
        self._door = door
        self._opened = opened
        self._create = create
        self._conversations = conversations
        self._held = held
        self._put = put
        self._pause = pause
        self._accepted_at = 0.0
        self._scope = trio.CancelScope()
        self._record = RequestRecord("responses_websocket", "GET", SOCKET_PATH, 0.0, 0.0)
        self._race: RaceRecord | None = None
        self._output: ResponseOutput | None = None
        self._items: Items | None = None
        self._ended = False
        self._left_at: float | None = None
        self.answered = trio.Event()
        """Set when its last message was sent, and at its end in any case."""

    def __repr__(self) -> str:
        return f"<Turn {self.response_id}{' ended' if self._ended else ''}>"

    @property
    def response_id(self) -> str | None:
        """The id of the response, as OMEN announces it."""
        return None if self._race is None else f"resp_{self._race.race_id}"

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

    def drop(self) -> None:
        """Give back what it holds, if it will never run."""
        self._held.release()

    async def run(self) -> None:
        """Run it to its end. **Cancellation.** Every upstream stream is closed."""
        record = self._record = begin_record(self._door)
        self._accepted_at = record.accepted_at
        with self._door.gateway.requests.recorded(record):
            try:
                with self._held:
                    await self._run()
            finally:
                record.left = self._left_at is not None
                self._output = None  # a cycle, which only a collection would free
                self.answered.set()

    def keep(self, response_id: str, items: Items) -> None:
        """Keep the response for a turn that continues it. Its end is not sent yet."""
        if self._items is not None:
            conversation = (*self._items, *items)
            self._conversations.keep(self._create.stream_id, response_id, conversation)

    def note_end(self) -> None:
        """Note that the last message was sent. The upstream may still be read to its end."""
        self._ended = self._record.is_complete = True
        self.answered.set()
        self._scope.deadline = trio.current_time() + TAIL_SECONDS

    async def _run(self) -> None:
        with self._scope:
            try:
                async with begun(self._door.admission, self._opened.headers):
                    await self._answer()
            except OmenError as error:
                await self._fail(error)
            except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
                await self._fail(own_fault(bug, f"websocket request {self._record.request_id}"))
        if self._scope.cancelled_caught and not self._ended:
            cancelled = RequestError("cancelled by its client", status=499, code="cancelled")
            await self._fail(cancelled)

    async def _answer(self) -> None:
        caller = self._record.caller = await self._opened.identify(self._opened.shown)
        with self._door.gateway.keys.running.take(caller):
            await self._race_for(caller)

    async def _race_for(self, caller: Caller) -> None:
        record = self._record
        parsed = await self._read()
        race = self._race = record.race = self._plan(parsed, caller)
        output = self._output = ResponseOutput(
            self._put,
            self,
            race,
            _DIALECT.writer(race, parsed),
            stream_id=self._create.stream_id,
            is_stored=self._create.fields.get("store") is not False,
            held=self._held,
            explained=parsed.hints.explain,
        )
        # What was read of it is in `parsed`; the rest need not be kept for the whole race.
        self._create = replace(self._create, fields={})
        if self._create.generates:
            await self._race_with_signs(race, parsed, output)
        else:
            await output.send([AnswerEnd("stop", Usage(0, 0), meant=True)])

    def _plan(self, parsed: ParsedRequest, caller: Caller) -> RaceRecord:
        """Plan the race. **Raises.** `RequestError`."""
        self._record.model = parsed.model
        race = self._door.gateway.plan(
            parsed.model,
            parsed.hints,
            self._accepted_at,
            self._record.request_id,
            request=parsed.request,
            caller=caller,
        )
        race.prompt = parsed.request.size
        race.client_left_at = self._left_at
        return race

    async def _race_with_signs(
        self, race: RaceRecord, parsed: ParsedRequest, output: ResponseOutput
    ) -> None:
        """Run the race, and show signs of life whenever nothing was sent for a while."""
        failed: OmenError | None = None
        async with trio.open_nursery() as nursery:
            first = self._accepted_at + self._pause
            nursery.start_soon(output.signs.keep_alive, first, self._pause, output.send_sign)
            try:
                await self._door.gateway.run(race, parsed.request, output)
            except OmenError as error:
                failed = error
            except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
                failed = own_fault(bug, f"race {race.race_id}")
            await output.signs.silence()
            nursery.cancel_scope.cancel()
        if failed is not None and not output.finished:
            raise failed

    async def _read(self) -> ParsedRequest:
        """Return what is asked, and note the whole conversation.

        A heavy request is read in a worker thread.

        **Raises.** `RequestError`.
        """
        before = self._before()
        size = self._create.size + sum(map(len, before))
        if size > self._door.limits.size:
            words = f"the request and what it continues are larger than {self._door.limits.size}"
            raise RequestError(f"{words} bytes", status=413, code="request_too_large")
        hold_bytes(self._held, size)
        if size <= SMALL:
            return self._parse(before, is_heavy=False)
        return await off_loop(partial(self._parse, before, is_heavy=True))

    def _before(self) -> Items:
        """Return the items of the conversation that it continues. **Raises.** `RequestError`."""
        previous = self._create.previous
        if previous is None:
            return ()
        items = self._conversations.find(previous)
        if items is None:
            words = f"Previous response with id '{previous[:80]}' not found."
            name = "previous_response_id"
            raise RequestError(words, param=name, code="previous_response_not_found")
        return items

    def _parse(self, before: Items, *, is_heavy: bool) -> ParsedRequest:
        new = items_of(self._create)
        items = self._items = None if new is None else (*before, *new)
        parsed = _DIALECT.parse(body_of(self._create, items), self._opened.headers)
        counts = self._door.limits.counts
        request = within_bounds(parsed.request, counts, is_heavy=is_heavy, messages="input")
        echo: Mapping[str, object] = parsed.said
        if self._create.previous is not None:
            echo = {**echo, "previous_response_id": self._create.previous}
        return replace(parsed, request=request, said=echo)

    async def _fail(self, error: OmenError) -> None:
        self._record.set_error(error)
        if self._ended:
            return
        self._ended = True
        if self._create.previous is not None and _is_lasting(error):
            self._conversations.forget(self._create.previous)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_SECONDS):
            if self._output is not None and self._output.started:
                await self._output.fail(error)
            else:
                await self._put(error_message(error, self._create.stream_id))


def _is_lasting(error: OmenError) -> bool:
    """Return whether the same turn would fail again. OpenAI forgets what such a turn continues.

    OpenAI does so after every failure. Here a turn that may succeed later can be repeated.
    """
    return 400 <= error.status < 500 and error.status not in (408, 429, 499)
