"""`grpc.health.v1.Health`, as load balancers and orchestrators ask it.

The process as a whole (the empty name) serves until it is told to stop. The service serves while
any provider could answer, which is what `/ready` says over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from omen.core.errors import RequestError
from omen.front.grpc._call import Call
from omen.front.grpc._schemas import HealthRequest, HealthResponse
from omen.front.http.request import cancel_when_gone
from omen.gateway import Gateway

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
_LOOK_SECONDS = 1.0
"""How often a watched service is looked at."""


async def check(call: Call, gateway: Gateway, stopping: Callable[[], bool], name: str) -> None:
    """Say how a service stands. **Raises.** `RequestError` (404) for one that is none."""
    asked: Any = await call.read_only(HealthRequest)
    state = _state(asked.service, gateway, name, stopping=stopping())
    if state == SERVICE_UNKNOWN:
        raise RequestError("there is no such service", status=404, code="not_found")
    await call.write(HealthResponse(status=state))
    await call.end()


async def watch(call: Call, gateway: Gateway, stopping: Callable[[], bool], name: str) -> None:
    """Say it again whenever it changes, until the client leaves or OMEN stops."""
    asked: Any = await call.read_only(HealthRequest)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel_when_gone, call.receive, nursery.cancel_scope)
        told: int | None = None
        while True:
            stopped = stopping()
            state = _state(asked.service, gateway, name, stopping=stopped)
            if state != told:
                await call.write(HealthResponse(status=state))
                told = state
            if stopped:
                break
            await trio.sleep(_LOOK_SECONDS)
        await call.end()
        nursery.cancel_scope.cancel()


def _state(service: str, gateway: Gateway, name: str, *, stopping: bool) -> int:
    if service not in ("", name):
        return SERVICE_UNKNOWN
    able = not stopping and (service == "" or gateway.ready)
    return SERVING if able else NOT_SERVING
