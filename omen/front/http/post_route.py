"""A route that reads a JSON body, plans a race and answers: what the routes of all dialects share.

One request is one nursery: it holds the work, with every upstream stream inside it, and a task that
waits for the client to leave. Whichever ends first ends the other, so no upstream stream outlives
the client. It is a bare ASGI callable because it is the hot route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import trio

from omen.core.callers import Caller
from omen.core.chat import ChatRequest
from omen.core.errors import OmenError
from omen.core.hints import RaceHints
from omen.core.json_writing import json_pieces
from omen.core.records import RaceRecord
from omen.core.requests import RequestRecord
from omen.front.http.asgi import Headers, Receive, Scope, Send, send_content, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.race_report import cost_headers, error_headers, own_fault, race_headers
from omen.front.http.recorded import record_of
from omen.front.http.request import (
    BodyLimits,
    ClientGoneError,
    check_method,
    header_map,
    read_json_body,
    request_id_of,
    watch_client,
)
from omen.gateway import Gateway
from omen.isolation import BytesHeld, BytesInFlight, is_heavy, off_loop


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
    record: RequestRecord
    limits: BodyLimits = field(default_factory=BodyLimits)
    is_off_loop: bool = False
    """Whether it is read in a worker thread; see `PostRoute`."""

    def plan(
        self, gateway: Gateway, model: str, hints: RaceHints, request: ChatRequest | None = None
    ) -> RaceRecord:
        """Plan its race, on the loop in any case. **Raises.** `RequestError`."""
        self.record.model = model
        plan = partial(
            gateway.plan,
            model,
            hints,
            self.accepted_at,
            self.request_id,
            request=request,
            caller=self.caller,
        )
        race = trio.from_thread.run_sync(plan) if self.is_off_loop else plan()
        if request is not None and request.size is not None:
            race.prompt = request.size
        self.record.set_race(race)
        return race


class Responder:
    """Writes a response that is one JSON body: an answer, or an error."""

    def __init__(
        self,
        send: Send,
        errors: Errors,
        request_id: str,
        record: RequestRecord,
        held: BytesHeld | None = None,
    ) -> None:
        self.send = send
        self.record = record
        self.held = BytesInFlight().hold() if held is None else held
        """What is held for the request until it has ended."""
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

    async def answer_large(self, body: Callable[[], Mapping[str, Any]], race: RaceRecord) -> None:
        """Make a large answer in a worker thread, in short steps, and send it."""
        content = await off_loop(partial(_written, body))
        headers = [*self.headers, *race_headers(race), *cost_headers(race)]
        await send_content(self.send, 200, content, headers)

    async def refuse(self, error: OmenError, race: RaceRecord | None = None) -> None:
        """Send an error with its status. Nothing was sent before."""
        self.record.set_error(error)
        headers = [*self.headers, *error_headers(error)]
        if race is not None:
            headers += race_headers(race)
        body = self._errors.error_body(error, self._request_id)
        await send_json(self.send, self._errors.status(error), body, headers)


def _written(body: Callable[[], Mapping[str, Any]]) -> bytes:
    return b"".join(json_pieces(body(), nan_as_null=True))


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
        record = record_of(scope)
        record.request_id = request_id
        # The body is held, and counts for its key, until its request has ended.
        with self.body_limits.in_flight.hold() as held, self.authenticator.new_place() as place:
            respond = Responder(send, self.errors, request_id, record, held)
            try:
                check_method(scope)
                caller = record.caller = await self.authenticator.admit(scope, headers)
                place.take(caller)
                body = await read_json_body(receive, headers, self.body_limits, held)
                incoming = Incoming(
                    body, headers, accepted_at, request_id, caller, record, self.body_limits
                )
                work = await self._prepared(incoming)
                # What was read of it is in `work`; the rest need not be kept for the whole race.
                del body, incoming
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
                watch_client(scope, receive, nursery, work.race, work.is_finished)
                await work.run(respond, nursery)
                if nursery.child_tasks:  # a whole answer has none
                    scope_of_all.cancel()

    async def _prepared(self, incoming: Incoming) -> Work:
        """Return what a request comes to. A heavy one is read in a worker thread."""
        if not is_heavy(incoming.body):
            return self.prepare(incoming)
        return await off_loop(partial(self.prepare, replace(incoming, is_off_loop=True)))
