"""The handshake of a websocket: who may open a socket, and what the others get instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from omen.accounts.running import Place
from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.front.http.asgi import Receive, Scope, Send, refuse_upgrade, send_json
from omen.front.http.auth import shown_key
from omen.front.http.peers import Peer, peer_of
from omen.front.http.race_report import error_headers
from omen.front.http.request import header_map
from omen.front.openai.write import error_object
from omen.front.websocket._socket import Door, Identify, Socket

SUBPROTOCOL = "omen"
_KEY_PREFIX = "bearer."


@dataclass(frozen=True, slots=True)
class Opened:
    """A socket that was accepted. `shown` is the key of its handshake.

    `place` is the socket's place among those of that key (or of none). If it is None, the key opens
    nothing, and another one has to follow in a frame.
    """

    identify: Identify
    headers: Mapping[str, str]
    shown: str | None
    place: Place | None


Serve = Callable[[Door, Opened, Receive, Send], Awaitable[None]]
"""Serves one accepted socket until its end."""


async def serve_frames(door: Door, opened: Opened, receive: Receive, send: Send) -> None:
    """Serve a socket of `/omen/ws`."""
    with Socket(door, opened.identify, opened.headers, opened.shown, opened.place) as socket:
        await socket.serve(receive, send)


@dataclass(frozen=True, slots=True)
class WebSocketRoute:
    """The route of a door, over one gateway. `key_may_follow`: its first frame may show a key.

    A key in a header of the handshake is checked before the handshake is answered. A page in a
    browser can set no header but the list of subprotocols: it offers `omen`, which is accepted, and
    beside it `bearer.` with its key; or it shows the key in its first frame. It cannot read the
    status of a handshake either, so a key that it offers and that opens nothing counts as none. A
    page of another site counts as a caller from elsewhere, and needs a key even with
    `allow_anonymous`: the visitor's browser may run where the page's own server cannot reach.
    """

    door: Door
    serve: Serve = serve_frames
    key_may_follow: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from its handshake to its end."""
        if scope["type"] == "http":
            await self._tell_to_upgrade(send)
            return
        headers = header_map(scope)
        shown = shown_key(headers)
        offered = _offered_key(scope) if shown is None else None
        identify = partial(self._identify, peer=peer_of(scope))
        await receive()  # the client's wish, which is in the scope
        place: Place | None = None
        try:
            place = await self._take_place(identify, shown or offered)
        except OmenError as refusal:
            if not self._may_show_a_key_later(shown):
                body = error_object(refusal)
                await refuse_upgrade(send, refusal.status, body, error_headers(refusal))
                return
        else:
            shown = shown or offered
        try:
            await send({"type": "websocket.accept", "subprotocol": _subprotocol(scope)})
            await self.serve(self.door, Opened(identify, headers, shown, place), receive, send)
        finally:
            if place is not None:
                place.release()

    def _may_show_a_key_later(self, shown: str | None) -> bool:
        return self.key_may_follow and shown is None and not self.door.shutdown.is_set()

    async def _take_place(self, identify: Identify, shown: str | None) -> Place:
        """Return the place of a new socket among those of its key. **Raises.** `OmenError`."""
        if self.door.shutdown.is_set():
            raise RequestError("OMEN is about to stop", status=503, code="shutting_down")
        return self.door.gateway.keys.running.take(await identify(shown), "websockets")

    async def _identify(self, shown: str | None, *, peer: Peer) -> Caller:
        foreign = peer.objection(anyone=True)
        keys = self.door.gateway.keys
        return await keys.identify(shown, local=peer.is_local, foreign=foreign)

    async def _tell_to_upgrade(self, send: Send) -> None:
        words = "this is a websocket, and the request has no upgrade: a proxy in front needs a"
        words += " setting that forwards Upgrade and Connection (nginx: proxy_set_header)"
        error = RequestError(words, status=426, code="upgrade_required")
        headers = [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
        await send_json(send, error.status, error_object(error), headers)


def _subprotocol(scope: Scope) -> str | None:
    """Return ours, if it is offered. Browsers drop a socket whose server picks none of several."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None


def _offered_key(scope: Scope) -> str | None:
    offered = (name for name in scope.get("subprotocols", ()) if name.startswith(_KEY_PREFIX))
    return next((name.removeprefix(_KEY_PREFIX) for name in offered), None)


async def no_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake of a websocket that no route offers."""
    await receive()
    words = "there is no websocket here; see /omen/ws and /v1/responses"
    error = RequestError(words, status=404, code="not_found")
    await refuse_upgrade(send, error.status, error_object(error))
