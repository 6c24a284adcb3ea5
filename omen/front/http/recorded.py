"""Gives every request a record, whatever its route, and reports the record at its end.

The record is in the scope, so that routes can complete it: who called, for which model, with which
race, and with which error it ended. What every route has in common is recorded here: the status
that was sent, and whether the response reached its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from omen.core.requests import Door, RequestRecord
from omen.front.http.asgi import App, Receive, Scope, Send
from omen.telemetry import RequestRegistry

RECORD = "omen.request"
"""The key of the record in a scope."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An application whose every request is reported once. `doors` are those of single paths."""

    app: App
    registry: RequestRegistry
    door_of: Callable[[Scope], Door]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        method, path = scope.get("method", "GET"), scope["path"]
        record = scope[RECORD] = self.registry.begin(
            self.door_of(scope), method, path, scope["headers"]
        )
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send, record)
            return
        with self.registry.recorded(record):
            await self.app(scope, receive, _noting(send, record))

    async def _serve_socket(
        self, scope: Scope, receive: Receive, send: Send, record: RequestRecord
    ) -> None:
        """Serve a socket. Only a refused handshake is a request; others come on the socket."""
        is_accepted = False

        def note(message: dict[str, Any]) -> Awaitable[None]:
            nonlocal is_accepted
            is_accepted = is_accepted or message["type"] == "websocket.accept"
            return send_noted(message)

        send_noted = _noting(send, record)
        try:
            await self.app(scope, receive, note)
        finally:
            if not is_accepted:
                self.registry.end(record)


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request; one that nobody reads for an app without `Recorded`."""
    record: RequestRecord | None = scope.get(RECORD)
    if record is not None:
        return record
    return RequestRecord("unknown", "", scope["path"], 0.0, 0.0)


def _noting(send: Send, record: RequestRecord) -> Send:
    """Return a `send` that records the status and the end of the response."""

    # Not a coroutine of its own: each piece of every stream passes here.
    def note(message: dict[str, Any]) -> Awaitable[None]:
        kind = message["type"]
        if kind.endswith("response.body"):
            record.is_complete = not message.get("more_body", False)
        elif kind.endswith("response.start"):
            record.sent_status = message["status"]
        return send(message)

    return note
