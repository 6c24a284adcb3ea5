"""A route that reads a JSON body, plans a race and answers: what the routes of all dialects share.

One request is one nursery: it holds the work, with every upstream stream inside it, and a task that
waits for the client to leave. Whichever ends first ends the other, so no upstream stream outlives
the client. It is a bare ASGI callable because it is the hot route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import trio

from omen.core.callers import Caller
from omen.core.chat import ChatRequest
from omen.core.errors import OmenError
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.http.asgi import Headers, Receive, Scope, Send, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.race_report import cost_headers, error_headers, own_fault, race_headers
from omen.front.http.request import (
    BodyLimits,
    ClientGoneError,
    cancel_when_gone,
    check_method,
    header_map,
    read_json_body,
    request_id_of,
)
from omen.gateway import Gateway


class Errors(Protocol):
    """How a dialect writes errors; a part of `omen.front.http.dialect.Dialect`."""

    def status(self, error: OmenError) -> int: ...

    def error_body(self, error: OmenError, request_id: str) -> Mapping[str, Any]: ...

    def headers(self, request_id: str) -> Headers: ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that was let in and read. `accepted_at` is on trio's clock."""

    body: bytes
    headers: Mapping[str, str]
    accepted_at: float
    request_id: str
    caller: Caller

    def plan(
        self, gateway: Gateway, model: str, hints: RaceHints, request: ChatRequest | None = None
    ) -> RaceRecord:
        """Plan its race. **Raises.** `RequestError`."""
        return gateway.plan(
            model,
            hints,
            self.accepted_at,
            self.request_id,
            request=request,
            caller=self.caller,
        )


class Responder:
    """Writes a response that is one JSON body: an answer, or an error."""

    def __init__(self, send: Send, errors: Errors, request_id: str) -> None:
        self.send = send
        self.headers = errors.headers(request_id)
        """The headers that every response of the dialect has."""
        self._errors = errors
        self._request_id = request_id

    async def answer(self, body: Mapping[str, Any], race: RaceRecord | None = None) -> None:
        """Send an answer, with the headers of its race if there was one."""
        headers = self.headers
        if race is not None:
            headers = [*headers, *race_headers(race), *cost_headers(race)]
        await send_json(self.send, 200, body, headers)

    async def refuse(self, error: OmenError, race: RaceRecord | None = None) -> None:
        """Send an error with its status. Nothing was sent before."""
        headers = [*self.headers, *error_headers(error)]
        if race is not None:
            headers += race_headers(race)
        body = self._errors.error_body(error, self._request_id)
        await send_json(self.send, self._errors.status(error), body, headers)


class Work(Protocol):
    """What a request came to once it was read: a planned race, not yet started."""

    @property
    def race(self) -> RaceRecord: ...

    def is_finished(self) -> bool:
        """Whether the end of the response was handed over."""
        ...

    async def run(self, respond: Responder, nursery: trio.Nursery) -> None:
        """Run the race and write its answer, or the error that it ended with.

        Tasks started in `nursery` are cancelled when it returns.
        """
        ...


Prepare = Callable[[Incoming], Work]
"""Reads a request and plans its race. **Raises.** `OmenError`, which becomes the response."""


@dataclass(frozen=True, slots=True)
class PostRoute:
    """Answers POST requests of one dialect."""

    prepare: Prepare
    errors: Errors
    authenticator: Authenticator
    body_limits: BodyLimits = field(default_factory=BodyLimits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        **Cancellation.** When the client leaves, everything the request started is closed.
        """
        accepted_at = trio.current_time()
        headers = header_map(scope)
        request_id = request_id_of(headers)
        respond = Responder(send, self.errors, request_id)
        try:
            check_method(scope)
            caller = await self.authenticator.admit(scope, headers)
            body = await read_json_body(receive, headers, self.body_limits)
            work = self.prepare(Incoming(body, headers, accepted_at, request_id, caller))
        except ClientGoneError:
            return
        except OmenError as error:
            await respond.refuse(error)
            return
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            await respond.refuse(own_fault(bug, f"request {request_id}"))
            return
        async with trio.open_nursery() as nursery:
            scope_of_all = nursery.cancel_scope
            nursery.start_soon(cancel_when_gone, receive, scope_of_all, work.race, work.is_finished)
            await work.run(respond, nursery)
            scope_of_all.cancel()
