"""The handshake of `/omen/ws`: who may open a socket, and what those are told who may not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.front.http.asgi import Receive, Scope, Send, refuse_upgrade, send_json
from omen.front.http.auth import shown_key
from omen.front.http.race_report import error_headers
from omen.front.http.request import header_map, is_local, is_same_origin
from omen.front.openai.write import error_object
from omen.front.websocket._socket import Door, Identify, Socket

SUBPROTOCOL = "omen"
_KEY_PREFIX = "bearer."


@dataclass(frozen=True, slots=True)
class WebSocketRoute:
    """The route, over one gateway.

    A key in a header of the handshake is checked before the handshake is answered. A page in a
    browser can set no header but the list of subprotocols: it offers `omen`, which is accepted, and
    beside it `bearer.` with its key; or it shows the key in its first frame. It cannot read the
    status of a handshake either, so a key that it offers and that opens nothing counts as none. A
    page of another site counts as a caller from elsewhere, though its browser runs on this machine:
    the visitor would pay for what the page asks.
    """

    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its handshake to its end."""
        if scope["type"] == "http":
            await self._tell_to_upgrade(send)
            return
        headers = header_map(scope)
        shown = shown_key(headers)
        offered = _offered_key(scope) if shown is None else None
        local = is_local(scope, headers) and is_same_origin(headers)
        identify = partial(self._identify, local=local)
        await receive()  # the client's wish, which is in the scope
        refusal = await self._refusal(identify, shown or offered)
        if refusal is not None and (shown is not None or self.door.shutdown.is_set()):
            body = error_object(refusal)
            await refuse_upgrade(send, refusal.status, body, error_headers(refusal))
            return
        await send({"type": "websocket.accept", "subprotocol": _subprotocol(scope)})
        if refusal is None:
            shown = shown or offered
        socket = Socket(self.door, identify, headers, shown, admitted=refusal is None)
        await socket.serve(receive, send)

    async def _refusal(self, identify: Identify, shown: str | None) -> OmenError | None:
        if self.door.shutdown.is_set():
            return RequestError("OMEN is about to stop", status=503, code="shutting_down")
        try:
            await identify(shown)
        except OmenError as error:
            return error
        return None

    async def _identify(self, shown: str | None, *, local: bool) -> Caller:
        return await self.door.gateway.keys.identify(shown, local=local)

    async def _tell_to_upgrade(self, send: Send) -> None:
        error = RequestError("this is a websocket", status=426, code="upgrade_required")
        headers = [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
        await send_json(send, error.status, error_object(error), headers)


def _subprotocol(scope: Scope) -> str | None:
    """Return ours, if it is offered. Browsers drop a socket whose server picks none of several."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None


def _offered_key(scope: Scope) -> str | None:
    offered = (name for name in scope.get("subprotocols", ()) if name.startswith(_KEY_PREFIX))
    return next((name.removeprefix(_KEY_PREFIX) for name in offered), None)


async def no_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake of a websocket that nobody offers.

    426 is what a client that can do without (Codex, at `/v1/responses`) takes for an answer.
    """
    await receive()
    if scope["path"] == "/v1/responses":
        words = "there is no websocket here; POST instead, with or without a stream"
        error = RequestError(words, status=426, code="websocket_not_supported")
    else:
        error = RequestError(
            "there is no websocket here; see /omen/ws", status=404, code="not_found"
        )
    await refuse_upgrade(send, error.status, error_object(error))
