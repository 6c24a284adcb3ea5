"""A race's answer on its way to a websocket's client: the events of a stream, one a message.

Every message waits for its turn on the socket in the task that reads the upstream, so a client that
does not read slows the upstream, and nothing is stored for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from pydantic_core import to_json

from omen.core.errors import OmenError
from omen.core.events import AnswerEnd, Event, event_size
from omen.core.json_reading import read_json
from omen.core.records import RaceRecord
from omen.front.http.race_report import error_headers, explain
from omen.front.http.signs_of_life import SignsOfLife
from omen.front.responses import ENDS, Piece, ResponseWriter
from omen.front.responses_socket._frames import Items, as_json, continued
from omen.front.websocket import socket_error
from omen.isolation import HEAVY_BYTES, BytesHeld, off_loop

Put = Callable[[str], Awaitable[None]]
"""Sends one message when it is its turn."""

_ITEM_DONE = "response.output_item.done"


def error_message(error: OmenError, stream_id: str | None) -> str:
    """Return the message of an error of which no response has begun.

    `headers` are those that the error would have over HTTP: Codex reads how long to wait in them.
    """
    told = socket_error(error)
    event: dict[str, Any] = {"type": "error", "status": told.pop("status"), "error": told}
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    if headers:
        event["headers"] = headers
    if stream_id is not None:
        event["stream_id"] = stream_id
    return to_json(event).decode()


class Listener(Protocol):
    """The turn whose answer is written."""

    def keep(self, response_id: str, items: Items) -> None:
        """Keep the response for a turn that continues it. Its end is not sent yet."""
        ...

    def note_end(self) -> None:
        """Note that the last message was sent."""
        ...


class ResponseOutput:
    """Writes the winner's events as messages, for one response.

    `is_stored` tells whether the vendor may store the response, so that its items' ids last.
    `started` tells whether anything of the response was sent, `finished` whether its end was.
    """

    def __init__(
        self,
        put: Put,
        turn: Listener,
        race: RaceRecord,
        writer: ResponseWriter,
        *,
        stream_id: str | None,
        is_stored: bool,
        held: BytesHeld,
        explained: bool,
    ) -> None:
        self._put = put
        self._turn = turn
        self._race = race
        self._writer = writer
        self._tail = b"" if stream_id is None else b',"stream_id":"%s"' % stream_id.encode()
        self._is_stored = is_stored
        self._explained = explained
        self._held = held
        self._size = 0
        self._done: list[bytes] | None = []
        """The events that end items; None when there was no room to keep them."""
        self._end: bytes = b""
        self.signs = SignsOfLife()
        self.started = False
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together, a message for each event of the response."""
        try:
            await self.signs.hold()
            await self._send_events(events)
        finally:
            self.signs.release()

    async def fail(self, error: OmenError) -> None:
        """End a response that has begun: it has failed."""
        self.finished = True
        await self._send(self._writer.fail_pieces(error))

    async def _send_events(self, events: Sequence[Event]) -> None:
        ended = isinstance(events[-1], AnswerEnd)
        report = explain(self._race) if ended and self._explained else None
        size = sum(map(event_size, events))
        self._size += size
        # The end repeats the whole answer.
        if size > HEAVY_BYTES or (ended and self._size > HEAVY_BYTES):
            pieces = await off_loop(partial(self._writer.pieces, events, report))
        else:
            pieces = self._writer.pieces(events, report)
        self.finished = self.signs.over = ended
        for name, data in pieces:
            self._note(name, data)
        if not ended:
            await self._send(pieces)
            return
        # First: its client may continue the response as soon as it has its end.
        await self._keep()
        await self._send(pieces)
        self._turn.note_end()

    async def _keep(self) -> None:
        """Hand the response to the turn, unless there was no room for it."""
        if self._done is None or not self._end:
            return
        read = partial(_read_response, self._end, self._done, is_stored=self._is_stored)
        response_id, items = await off_loop(read) if self._size > HEAVY_BYTES else read()
        if response_id is not None:
            self._turn.keep(response_id, items)

    async def send_sign(self) -> None:
        """Send a sign of life, for `SignsOfLife.keep_alive`."""
        await self._send(self._writer.alive_pieces())

    async def _send(self, pieces: Sequence[Piece]) -> None:
        self.started = True
        for _, data in pieces:
            await self._put(self._text(data))

    def _text(self, data: bytes) -> str:
        """Return an event as a message, with the name of its stream."""
        if self._tail:
            data = data.rstrip()[:-1] + self._tail + b"}"
        return data.decode()

    def _note(self, name: str, data: bytes) -> None:
        if name in ENDS:
            self._end = data
        elif name == _ITEM_DONE and self._done is not None:
            # An answer is no failure because its turn cannot be continued.
            self._done = [*self._done, data] if self._held.grow(len(data)) else None


def _read_response(
    end: bytes, done: Sequence[bytes], *, is_stored: bool
) -> tuple[str | None, Items]:
    """Return a response's id, if it has one, and the items that its events say were done."""
    response = read_json(end).get("response")
    response_id = response.get("id") if isinstance(response, dict) else None
    found = [read_json(data).get("item") for data in done]
    items = [continued(item, is_stored=is_stored) for item in found if isinstance(item, dict)]
    told = tuple(as_json(item) for item in items if item is not None)
    return response_id if isinstance(response_id, str) else None, told
