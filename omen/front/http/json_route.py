"""The road of a request whose answer is one body: a count of tokens, vectors.

Like a chat's (`chat.py`), it is one nursery: the work in it, and a task that waits for the client
to leave. Whichever ends first ends the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import trio

from omen.core.callers import Caller
from omen.core.chat import ChatRequest
from omen.core.errors import OmenError
from omen.core.hints import RaceHints
from omen.core.plan import RaceRecord
from omen.front.http.asgi import Headers, Receive, Scope, Send, header_map, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.body import BodyLimits, ClientGoneError, read_json_body
from omen.front.http.disconnect import cancel_when_gone
from omen.front.http.race_report import (
    check_method,
    cost_headers,
    error_headers,
    own_fault,
    race_headers,
)
from omen.front.http.request_id import request_id_of
from omen.gateway import Gateway


class Errors(Protocol):
    """How a dialect tells errors; see `omen.front.http.dialect.Dialect`."""

    def status(self, error: OmenError) -> int: ...

    def error_body(self, error: OmenError, request_id: str) -> Mapping[str, Any]: ...

    def headers(self, request_id: str) -> Headers: ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in, with the time at which it was accepted, its id and who asks."""

    body: bytes
    headers: Mapping[str, str]
    accepted_at: float
    request_id: str
    caller: Caller

    def plan(
        self, gateway: Gateway, model: str, hints: RaceHints, request: ChatRequest | None = None
    ) -> RaceRecord:
        """Have it planned. **Raises.** `RequestError`."""
        return gateway.plan(
            model,
            hints,
            self.accepted_at,
            self.request_id,
            request=request,
            caller=self.caller,
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """What a request came to before anything was sent."""

    race: RaceRecord
    run: Callable[[], Awaitable[Mapping[str, Any]]]
    """Does the work and gives the body of the answer. **Raises.** `OmenError`."""


Plan = Callable[[Incoming], Planned]
"""Reads a request and finds out who is to do the work. **Raises.** `RequestError`."""


@dataclass(frozen=True, slots=True)
class WholeRoute:
    """A route that answers POST with one JSON body."""

    plan: Plan
    errors: Errors
    gate: Authenticator
    body_limits: BodyLimits = field(default_factory=BodyLimits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. **Cancellation.** When the client leaves, the work is cancelled."""
        accepted_at = trio.current_time()
        headers = header_map(scope)
        request_id = request_id_of(headers)
        try:
            check_method(scope)
            caller = await self.gate.admit(scope, headers)
            body = await read_json_body(receive, headers, self.body_limits)
            planned = self.plan(Incoming(body, headers, accepted_at, request_id, caller))
        except ClientGoneError:
            return
        except OmenError as error:
            await self._refuse(send, error, request_id)
            return
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            await self._refuse(send, own_fault(bug, f"request {request_id}"), request_id)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_gone, receive, nursery.cancel_scope, planned.race)
            await self._answer(planned, send, request_id)
            nursery.cancel_scope.cancel()

    async def _answer(self, planned: Planned, send: Send, request_id: str) -> None:
        race = planned.race
        try:
            body = await planned.run()
        except OmenError as error:
            await self._refuse(send, error, request_id, race)
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            await self._refuse(send, own_fault(bug, f"race {race.race_id}"), request_id, race)
        else:
            headers = [*self.errors.headers(request_id), *race_headers(race), *cost_headers(race)]
            await send_json(send, 200, body, headers)

    async def _refuse(
        self, send: Send, error: OmenError, request_id: str, race: RaceRecord | None = None
    ) -> None:
        headers = [*self.errors.headers(request_id), *error_headers(error)]
        if race is not None:
            headers += race_headers(race)
        body = self.errors.error_body(error, request_id)
        await send_json(send, self.errors.status(error), body, headers)
