"""A chat request's road through OMEN, in any dialect: a bare ASGI callable, as it is the hot route.

One request is one nursery: it holds the race, with every upstream stream inside it, and a task
that waits for the client to leave. Whichever ends first ends the other, so no upstream outlives
the client, and none is ever owned by a response generator that somebody might forget.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from omen.core.errors import OmenError
from omen.core.plan import Output, RaceRecord
from omen.front.http.asgi import Receive, Scope, Send, header_map, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.body import BodyLimits, ClientGoneError, read_json_body
from omen.front.http.dialect import Dialect, ImmediateAnswer, ParsedRequest
from omen.front.http.disconnect import cancel_when_gone
from omen.front.http.race_report import check_method, error_headers, own_fault, race_headers
from omen.front.http.request_id import request_id_of
from omen.front.http.stream_output import StreamOutput
from omen.front.http.whole_output import WholeOutput
from omen.gateway import Gateway


@dataclass(frozen=True, slots=True)
class ChatRoute:
    """The route of one dialect, over one gateway. `keepalive_after` is in seconds."""

    gateway: Gateway
    dialect: Dialect
    body_limits: BodyLimits = field(default_factory=BodyLimits)
    keepalive_after: float = 15.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        **Cancellation.** When the client leaves, everything the request started is closed.
        """
        accepted_at = trio.current_time()
        headers = header_map(scope)
        request_id = request_id_of(headers)
        exchange = _Exchange(self, send, request_id)
        try:
            check_method(scope)
            caller = await Authenticator(self.gateway.keys).admit(scope, headers)
            body = await read_json_body(receive, headers, self.body_limits)
            asked = self.dialect.parse(body, headers)
            race = self.gateway.plan(
                asked.model,
                asked.hints,
                accepted_at,
                request_id,
                request=None if isinstance(asked, ImmediateAnswer) else asked.request,
                caller=caller,
            )
            if isinstance(asked, ImmediateAnswer):
                await send_json(send, 200, asked.body, self.dialect.headers(request_id))
                return
        except ClientGoneError:
            return
        except OmenError as error:
            await exchange.refuse(error)
            return
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            await exchange.refuse(own_fault(bug, f"request {request_id}"))
            return
        async with trio.open_nursery() as nursery:
            is_finished = exchange.is_finished
            nursery.start_soon(cancel_when_gone, receive, nursery.cancel_scope, race, is_finished)
            await exchange.answer(asked, race, nursery)
            nursery.cancel_scope.cancel()


class _Exchange:
    """One request and its response. `is_finished` once its end was handed over."""

    def __init__(self, route: ChatRoute, send: Send, request_id: str) -> None:
        self._route = route
        self._dialect = route.dialect
        self._send = send
        self._request_id = request_id
        self._headers = self._dialect.headers(request_id)
        self._output: StreamOutput | WholeOutput | None = None

    def is_finished(self) -> bool:
        return self._output is not None and self._output.finished

    async def answer(self, asked: ParsedRequest, race: RaceRecord, nursery: trio.Nursery) -> None:
        """Run the race and write its answer, or the error it came to."""
        if asked.stream:
            await self._stream(asked, race, nursery)
        else:
            await self._whole(asked, race)

    async def _stream(self, asked: ParsedRequest, race: RaceRecord, nursery: trio.Nursery) -> None:
        output = StreamOutput(self._send, race, self._dialect, asked, self._headers)
        self._output = output
        pause = self._route.keepalive_after
        nursery.start_soon(output.keep_alive, race.accepted_at + pause, pause)
        error = await self._run(asked, race, output)
        await output.silence()
        if error is None or output.finished:
            return
        if output.started:
            await output.fail(error)
        else:
            await self.refuse(error, race)

    async def _whole(self, asked: ParsedRequest, race: RaceRecord) -> None:
        output = WholeOutput(self._send, race, self._dialect.collector(asked), self._headers)
        self._output = output
        error = await self._run(asked, race, output)
        if error is not None and not output.finished:
            await self.refuse(error, race)

    async def _run(
        self, asked: ParsedRequest, race: RaceRecord, output: Output
    ) -> OmenError | None:
        try:
            await self._route.gateway.run(race, asked.request, output)
        except OmenError as error:
            return error
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            return own_fault(bug, f"race {race.race_id}")
        return None

    async def refuse(self, error: OmenError, race: RaceRecord | None = None) -> None:
        """Answer with an error status; nothing has been sent yet."""
        headers = [*self._headers, *error_headers(error)]
        if race is not None:
            headers += race_headers(race)
        body = self._dialect.error_body(error, self._request_id)
        await send_json(self._send, self._dialect.status(error), body, headers)
