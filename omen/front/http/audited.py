"""Runs the audit around every request, whatever its route."""

from __future__ import annotations

from dataclasses import dataclass

from omen.front.http.asgi import App, Receive, Scope, Send
from omen.race.audit import RequestAudit


@dataclass(frozen=True, slots=True)
class Audited:
    """An application whose every request is checked at its end."""

    app: App
    audit: RequestAudit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, then look for what is left of it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        with self.audit.request(f"{scope.get('method', 'websocket')} {scope['path'][:80]!r}"):
            await self.app(scope, receive, send)
