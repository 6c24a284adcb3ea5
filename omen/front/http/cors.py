"""Cross-origin requests of pages that the operator has named: `[server] cors_origins`.

A browser shows a page the answer of another origin only if its headers say so, and asks first
(a preflight) before it sends a request with a key or JSON. Without `cors_origins` nothing here
runs, and no page can read anything.

No credentials of the browser are allowed: a key is a header that the page sets. So a page that is
allowed can do what its key can do, and `*` adds nothing to what any program can do with a key.

**Source.** The Fetch standard, sections 3.3 (HTTP-CORS protocol) and 4.8 (preflight); WICG, Private
Network Access; read 2026-12-01.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Any

from omen.front.http.asgi import App, Receive, Scope, Send
from omen.front.http.origins import ANY

Header = tuple[bytes, bytes]

_METHODS = b"GET, HEAD, POST, DELETE"
_MAX_AGE = b"600"
"""Seconds for which a browser need not ask again."""
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")
_PLAIN_HEADERS = b"authorization, content-type"
_VARY: Header = (b"vary", b"Origin")
_ALWAYS_SHOWN = frozenset({b"content-type", b"content-length", b"cache-control", b"vary"})


@dataclass(frozen=True, slots=True)
class Cors:
    """An application whose answers pages of these origins may read."""

    app: App
    origins: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        found = _values(scope, b"origin")
        origin = found[0] if len(found) == 1 else None
        if origin is not None and not self._is_allowed(origin):
            origin = None
        if origin is not None and _is_preflight(scope):
            await _answer_preflight(scope, send, self._shown(origin))
            return
        await self.app(scope, receive, self._with_headers(send, origin))

    def _is_allowed(self, origin: bytes) -> bool:
        return ANY in self.origins or origin.decode("latin-1") in self.origins

    def _shown(self, origin: bytes) -> Header:
        return b"access-control-allow-origin", origin

    def _with_headers(self, send: Send, origin: bytes | None) -> Send:
        """Return a `send` that adds the headers. Caches keep the answers of origins apart."""

        # Not a coroutine of its own: each piece of every stream passes here.
        def add(message: dict[str, Any]) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if origin is not None:
                    names = [name for name, _ in headers if name.lower() not in _ALWAYS_SHOWN]
                    shown = b", ".join(dict.fromkeys(names))
                    headers += [self._shown(origin), (b"access-control-expose-headers", shown)]
                message = {**message, "headers": [*headers, _VARY]}
            return send(message)

        return add


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and bool(_values(scope, b"access-control-request-method"))


async def _answer_preflight(scope: Scope, send: Send, allowed: Header) -> None:
    """Allow what the page wants to send: the routes decide about the request itself."""
    wanted = b", ".join(_values(scope, b"access-control-request-headers"))
    headers = [
        (b"content-length", b"0"),
        allowed,
        (b"access-control-allow-methods", _METHODS),
        (
            b"access-control-allow-headers",
            wanted if _NAMES.fullmatch(wanted) else _PLAIN_HEADERS,
        ),
        (b"access-control-max-age", _MAX_AGE),
        (b"vary", b"Origin, Access-Control-Request-Headers"),
    ]
    if _values(scope, b"access-control-request-private-network"):
        headers.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
