"""`GET /omen/races/live`: what happens in every race, as it happens, as server-sent events.

`?request_id=` narrows it to one request. `?races=` makes it a sample of so many races at a time, so
that its cost does not grow with the traffic; the page asks for that. It is for operators: holders
of a key with the admin role, or, while there are no keys, callers on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qs

import trio
from pydantic_core import to_json

from omen.core.errors import OmenError, RequestError
from omen.front.http.asgi import Receive, Scope, Send, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.race_report import error_headers
from omen.front.http.recorded import record_of
from omen.front.http.request import MethodNotAllowed, cancel_when_gone, header_map
from omen.front.http.stream_lines import data_event
from omen.front.openai.write import error_object
from omen.front.operations.queries import check_names
from omen.telemetry import LiveFeed, RaceMoment

MOST = 100
"""Races in a sample."""
BATCH_SECONDS = 0.1
"""How long the moments of a sample are collected. To write each alone costs ten times as much."""


@dataclass(frozen=True, slots=True)
class LiveRoute:
    """The route, over one feed."""

    feed: LiveFeed
    gate: Authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream moments until the listener leaves, or the feed is closed."""
        refusal = await self._refusal(scope)
        if refusal is not None:
            record_of(scope).set_error(refusal)
            await send_json(send, refusal.status, error_object(refusal), error_headers(refusal))
            return
        query = _query(scope)
        wanted = query.get("request_id", ""), _most_races(query)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_gone, receive, nursery.cancel_scope)
            await self._stream(send, *wanted)
            nursery.cancel_scope.cancel()

    async def _refusal(self, scope: Scope) -> OmenError | None:
        if scope["method"] != "GET":
            return MethodNotAllowed(scope["method"], "GET")
        try:
            record_of(scope).caller = await self.gate.admit_admin(scope, header_map(scope))
            check_names(query := _query(scope), ("request_id", "races"))
            _most_races(query)
        except OmenError as error:
            return error
        return None

    async def _stream(self, send: Send, wanted: str, most_races: int | None) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        ]
        with self.feed.listen(most_races) as moments:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await _send_piece(send, b": listening\n\n")
            async for moment in moments:
                told = [moment]
                if most_races is not None:
                    await trio.sleep(BATCH_SECONDS)
                    told += _drain(moments)
                events = [_event(one) for one in told if wanted in ("", one.request_id)]
                if events:
                    await _send_piece(send, b"".join(events))
        await _send_piece(send, b"", last=True)


def _query(scope: Scope) -> dict[str, str]:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {name: values[0] for name, values in query.items()}


def _most_races(query: Mapping[str, str]) -> int | None:
    """Return how many races to follow at a time; None: all. **Raises.** `RequestError`."""
    given = query.get("races")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 4 and 1 <= int(given) <= MOST):
        raise RequestError(f"races: must be a whole number from 1 to {MOST}", param="races")
    return int(given)


def _drain(moments: trio.MemoryReceiveChannel[RaceMoment]) -> Iterator[RaceMoment]:
    """Yield the moments that wait."""
    # A feed that was closed has none, either; the next receive says so.
    with suppress(trio.WouldBlock, trio.EndOfChannel):
        while True:
            yield moments.receive_nowait()


def _event(moment: RaceMoment) -> bytes:
    return data_event(to_json(moment.as_json()))


async def _send_piece(send: Send, piece: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": not last})
