"""Admission at the doors: who may come in, what the others are answered, and where some wait.

`Admitted` is both halves of it. The server calls `consider` with the head of a request, and sends
the prepared refusal if there is one. A request that came in is then called as an ASGI request, and
may wait here for its turn, before its body is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omen.admission import Controller, OverloadedError, Pressure, Ticket
from omen.front.http.asgi import App, Receive, Scope, Send
from omen.serving import Message, Refusal

OPERATIONS = frozenset(
    {
        b"/health",
        b"/v1/../health",
        b"/ready",
        b"/metrics",
        b"/status",
        b"/omen/overview",
        b"/grpc.health.v1.Health/Check",
        b"/grpc.health.v1.Health/Watch",
        b"/omen.v1.OmenService/HealthCheck",
    }
)
"""The routes that answer while others are refused: an operator needs them then."""
_KEYS = frozenset({b"authorization", b"x-api-key", b"api-key"})
_UNAUTHORISED = (401, 403)


class Refusals:
    """The prepared refusals: one for each dialect. `by_prefix` is in the order of the search."""

    def __init__(self, by_prefix: Mapping[bytes, Refusal], default: Refusal, grpc: Refusal) -> None:
        self._by_prefix = tuple(by_prefix.items())
        self._default = default
        self._grpc = grpc

    def find(self, path: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Refusal:
        """Return the refusal in the dialect of a request."""
        for prefix, refusal in self._by_prefix:
            if path.startswith(prefix):
                return refusal
        for name, value in headers:
            if name == b"content-type":
                return self._grpc if value.startswith(b"application/grpc") else self._default
        return self._default


class Admitted:
    """An application behind a controller; see `omen.serving.Admission` for the other half."""

    def __init__(self, app: App, controller: Controller, refusals: Refusals) -> None:
        self._app = app
        self._controller = controller
        self._refusals = refusals

    @property
    def refuses(self) -> bool:
        """Whether requests are refused now, so that it is worth looking at a head early."""
        return self._controller.pressure is Pressure.REFUSING

    def consider(
        self,
        method: bytes,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        client: str | None,
    ) -> Refusal | None:
        """Return the refusal of a request that must not come in."""
        if path.partition(b"?")[0] in OPERATIONS:
            comes = self._controller.may_operate()
        else:
            comes = self._controller.may_come(self._flow(headers, client)[0])
        return None if comes else self._refusals.find(path, headers)

    def consider_early(
        self,
        method: bytes,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        client: str | None,
    ) -> Refusal | None:
        """Return the same, for a request that is considered again if it comes in."""
        if path.partition(b"?")[0] in OPERATIONS:
            return None
        flow, _ = self._flow(headers, client)
        comes = self._controller.may_come(flow, early=True)
        return None if comes else self._refusals.find(path, headers)

    def admits_unread(self, client: str) -> bool:
        """Return whether a TLS connection comes in: it is charged to its address."""
        return self._controller.may_shake_hands(self._controller.flow(None, client))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request wait for its turn, and answer it.

        **Cancellation.** The request leaves the queue.
        """
        kind = scope["type"]
        if kind not in ("http", "websocket") or scope["path"].encode() in OPERATIONS:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        flow, key = self._flow(scope["headers"], client[0] if client else None)
        try:
            ticket = await self._controller.enter(flow)
        except OverloadedError:
            await self._refuse(scope, receive, send)
            return
        response = _Watched(self._controller, ticket, key, send)
        try:
            await self._app(scope, receive, response.send)
        finally:
            ticket.end()

    def _flow(
        self, headers: Sequence[tuple[bytes, bytes]], client: str | None
    ) -> tuple[int, bytes | None]:
        key = next((value for name, value in headers if name in _KEYS), None)
        return self._controller.flow(key, client), key

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that has waited too long, with its prepared refusal."""
        refusal = self._refusals.find(scope["path"].encode(), scope["headers"])
        kind = "http"
        if scope["type"] == "websocket":
            await receive()  # the client's wish, which is in the scope
            kind = "websocket.http"
        trailers = [header for header in refusal.headers if header[0].startswith(b"grpc-")]
        await send(
            {
                "type": f"{kind}.response.start",
                "status": refusal.status,
                "headers": [header for header in refusal.headers if header not in trailers],
                "trailers": bool(trailers),
            }
        )
        await send({"type": f"{kind}.response.body", "body": refusal.body, "more_body": False})
        if trailers:
            await send({"type": "http.response.trailers", "headers": trailers})


class _Watched:
    """The response of a request. Its first message says that the request is no more beginning."""

    def __init__(
        self, controller: Controller, ticket: Ticket, key: bytes | None, send: Send
    ) -> None:
        self._controller = controller
        self._ticket = ticket
        self._key = key
        self._send = send
        self._is_begun = False

    async def send(self, message: Message) -> None:
        if not self._is_begun:
            self._is_begun = True
            self._ticket.release()
            if self._key is not None and message.get("status") not in _UNAUTHORISED:
                self._controller.note_accepted(self._key)
        await self._send(message)
