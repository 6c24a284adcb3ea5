"""The guard in front of every route: what a page in a browser must not do while no key is needed.

It stands before the choice of a route, so that no route can forget it. It concerns requests without
a key, while the gateway serves some callers without one:

- While there are no keys it stops requests from this machine. From elsewhere nobody is served then.
- With `[auth] allow_anonymous` it stops requests from anywhere.

A websocket's client may show its key in the first frame, so a handshake is refused only if no key
could help. The socket itself serves nothing before that (`omen.front.websocket`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import trio

from omen.accounts.keyring import KeyRing
from omen.core.errors import RequestError
from omen.front.anthropic.api import Messages
from omen.front.grpc import is_grpc, refuse_call
from omen.front.http.asgi import Receive, Scope, Send, refuse_upgrade, send_json
from omen.front.http.auth import shown_key
from omen.front.http.peers import Peer, PeerRules
from omen.front.http.post_route import Errors
from omen.front.http.request import header_map, request_id_of
from omen.front.ollama import OllamaErrors
from omen.front.openai.api import OpenAIErrors
from omen.front.openai.write import error_object
from omen.gateway import Gateway

logger = logging.getLogger(__name__)

LOG_SECONDS = 60.0
"""The least time between two lines of the log: a page may send any number of requests."""


@dataclass(slots=True)
class Guard:
    """Refuses requests with a 403, in the dialect of their door."""

    gateway: Gateway
    rules: PeerRules
    _logged_at: float = -LOG_SECONDS

    async def admits(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Return whether a request may go on to its route. If not, it has been answered."""
        if scope["type"] not in ("http", "websocket"):
            return True
        objection = self._objection(scope, self.rules.identify(scope))
        if not objection:
            return True
        self._log(scope, objection)
        await _refuse(scope, receive, send, RequestError(objection, status=403, code="forbidden"))
        return False

    def _objection(self, scope: Scope, peer: Peer) -> str:
        keys = self.gateway.keys
        anyone = keys.allow_anonymous
        if not (anyone or (keys.is_empty and peer.is_here)):
            return ""
        objection = peer.objection(anyone=anyone)
        if not objection or _may_show_a_key(scope, keys):
            return ""
        return objection

    def _log(self, scope: Scope, objection: str) -> None:
        if trio.current_time() - self._logged_at >= LOG_SECONDS:
            self._logged_at = trio.current_time()
            logger.warning("refused a %s to %.100r: %s", scope["type"], scope["path"], objection)


def _may_show_a_key(scope: Scope, keys: KeyRing) -> bool:
    """Return whether the request shows what may be a key, or can still do so.

    Whether the key is valid is decided by its route.
    """
    if keys.is_empty:
        return False
    if scope["type"] == "websocket":
        return True
    shown = shown_key(header_map(scope))
    return shown is not None and keys.looks_like_a_key(shown)


async def _refuse(scope: Scope, receive: Receive, send: Send, error: RequestError) -> None:
    if scope["type"] == "websocket":
        await receive()  # the handshake
        await refuse_upgrade(send, error.status, error_object(error))
    elif scope["http_version"] == "2" and is_grpc(scope):
        await refuse_call(scope, receive, send, error)
    else:
        headers = header_map(scope)
        request_id, errors = request_id_of(headers), _errors(scope["path"], headers)
        body = errors.error_body(error, request_id)
        await send_json(send, errors.status(error), body, errors.headers(request_id))


def _errors(path: str, headers: dict[str, str]) -> Errors:
    """Return how the door at this path writes errors."""
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return Messages()
    return OllamaErrors() if path.startswith("/api/") else OpenAIErrors()
