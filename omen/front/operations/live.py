"""`GET /omen/races/live`: what happens in every race, as it happens, as server-sent events.

`?request_id=` narrows it to one request. It is for operators: holders of a key with the admin role,
or, while there are no keys, people on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

import trio
from pydantic_core import to_json

from omen.core.errors import OmenError
from omen.front.http.asgi import Receive, Scope, Send, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.race_report import error_headers
from omen.front.http.request import MethodNotAllowed, cancel_when_gone, header_map
from omen.front.http.stream_lines import data_event
from omen.front.openai.write import error_object
from omen.telemetry import LiveFeed


@dataclass(frozen=True, slots=True)
class LiveRoute:
    """The route, over one feed."""

    feed: LiveFeed
    gate: Authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream moments until the listener leaves, or the feed is closed."""
        refusal = await self._refusal(scope)
        if refusal is not None:
            await send_json(send, refusal.status, error_object(refusal), error_headers(refusal))
            return
        wanted = parse_qs(scope["query_string"].decode("latin-1")).get("request_id", [""])[0]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_gone, receive, nursery.cancel_scope)
            await self._stream(send, wanted)
            nursery.cancel_scope.cancel()

    async def _refusal(self, scope: Scope) -> OmenError | None:
        if scope["method"] != "GET":
            return MethodNotAllowed(scope["method"], "GET")
        try:
            await self.gate.admit_admin(scope, header_map(scope))
        except OmenError as error:
            return error
        return None

    async def _stream(self, send: Send, wanted: str) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        with self.feed.listen() as moments:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await _send_piece(send, b": listening\n\n")
            async for moment in moments:
                if wanted in ("", moment.request_id):
                    await _send_piece(send, data_event(to_json(moment.as_json())))
        await _send_piece(send, b"", last=True)


async def _send_piece(send: Send, piece: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": not last})
