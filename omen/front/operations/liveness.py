"""`GET /health` and `GET /ready`: bare ASGI, because they have to answer in an overload as well.

Each step of a request waits for a pass of the scheduler, and in an overload passes are long. The
framework of the other routes takes several steps more than this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import omen
from omen.core.callers import ANYBODY
from omen.front.http.asgi import App, Receive, Scope, Send, send_json
from omen.front.http.recorded import record_of
from omen.front.http.request import header_map, request_id_of
from omen.front.operations.status import describe_away
from omen.gateway import Gateway

Answer = tuple[dict[str, Any], int]
"""A body, and its status."""


def describe_health(gateway: Gateway) -> Answer:
    """Return that the process serves, and how its providers are."""
    states = {one.name: gateway.health.state(one.name) for one in gateway.providers}
    return {"status": "ok", "version": omen.__version__, "providers": states}, 200


def describe_readiness(gateway: Gateway, *, draining: bool) -> Answer:
    """Return whether a request could be served; why not, if not; and which stores are away."""
    if draining:
        return {"status": "draining"}, 503
    stores = {"away": away} if (away := describe_away(gateway)) else {}
    reason = gateway.unready_reason
    return {"status": reason or "ready", **stores}, 200 if reason is None else 503


@dataclass(frozen=True, slots=True)
class PromptRoute:
    """Answers `GET` with what `describe` returns; `others` answers other methods."""

    path: str
    describe: Callable[[], Answer]
    others: App

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Nobody needs a key for it."""
        if scope["method"] != "GET":
            await self.others({**scope, "path": self.path}, receive, send)
            return
        record = record_of(scope)
        record.request_id, record.caller = request_id_of(header_map(scope)), ANYBODY
        body, status = self.describe()
        await send_json(send, status, body)


def prompt_routes(gateway: Gateway, draining: Callable[[], bool], others: App) -> Mapping[str, App]:
    """Return the routes by path."""
    routes = (
        PromptRoute("/health", lambda: describe_health(gateway), others),
        PromptRoute("/ready", lambda: describe_readiness(gateway, draining=draining()), others),
    )
    return {route.path: route for route in routes}
