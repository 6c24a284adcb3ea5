"""Chat requests in any dialect: a race whose winner is streamed, or collected into one body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from omen.core.errors import OmenError
from omen.core.plan import Output
from omen.core.records import RaceRecord
from omen.front.http.asgi import Receive, Scope, Send
from omen.front.http.auth import Authenticator
from omen.front.http.dialect import Dialect, ImmediateAnswer, ParsedRequest
from omen.front.http.post_route import Incoming, PostRoute, Responder, Work
from omen.front.http.race_report import own_fault
from omen.front.http.request import BodyLimits
from omen.front.http.stream_output import StreamOutput
from omen.front.http.weighing import within_bounds
from omen.front.http.whole_output import WholeOutput
from omen.gateway import Gateway


@dataclass(frozen=True, slots=True)
class ChatRoute:
    """The route of one dialect, over one gateway. `keepalive_after` is in seconds.

    `adapt` makes a body of the dialect of the body that came.
    """

    gateway: Gateway
    dialect: Dialect
    body_limits: BodyLimits = field(default_factory=BodyLimits)
    keepalive_after: float = 15.0
    adapt: Callable[[bytes], bytes] = bytes
    messages_name: str = "messages"
    """What the dialect calls the list of messages."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see `PostRoute`."""
        authenticator = Authenticator(self.gateway.keys)
        route = PostRoute(self._prepare, self.dialect, authenticator, self.body_limits)
        await route(scope, receive, send)

    def _prepare(self, incoming: Incoming) -> Work:
        parsed = self.dialect.parse(self.adapt(incoming.body), incoming.headers)
        if isinstance(parsed, ImmediateAnswer):
            # It is planned all the same: a model that does not exist is an error here, too.
            return _Immediate(incoming.plan(self.gateway, parsed.model, parsed.hints), parsed.body)
        request = within_bounds(
            parsed.request,
            self.body_limits.counts,
            is_heavy=incoming.is_off_loop,
            messages=self.messages_name,
        )
        parsed = replace(parsed, request=request)
        race = incoming.plan(self.gateway, parsed.model, parsed.hints, request)
        race.is_held = not parsed.stream
        return _Chat(self, parsed, race)


@dataclass(frozen=True, slots=True)
class _Immediate:
    """An answer that no provider is needed for."""

    race: RaceRecord
    body: Mapping[str, Any]

    def is_finished(self) -> bool:
        return False

    async def run(self, respond: Responder, nursery: trio.Nursery) -> None:
        await respond.answer(self.body)


class _Chat:
    """One chat request and its response."""

    def __init__(self, route: ChatRoute, parsed: ParsedRequest, race: RaceRecord) -> None:
        self.race = race
        self._route = route
        self._parsed = parsed
        self._output: StreamOutput | WholeOutput | None = None

    def is_finished(self) -> bool:
        return self._output is not None and self._output.finished

    async def run(self, respond: Responder, nursery: trio.Nursery) -> None:
        if self._parsed.stream:
            await self._stream(respond, nursery)
        else:
            await self._collect(respond)

    async def _stream(self, respond: Responder, nursery: trio.Nursery) -> None:
        race, dialect = self.race, self._route.dialect
        output = StreamOutput(respond.send, race, dialect, self._parsed, respond.headers)
        self._output = output
        pause = self._route.keepalive_after
        first = race.accepted_at + pause
        nursery.start_soon(output.signs.keep_alive, first, pause, output.send_sign)
        error = await self._race(output)
        await output.signs.silence()
        if error is None or output.finished:
            return
        if output.started:
            respond.record.set_error(error)
            await output.fail(error)
        else:
            await respond.refuse(error, race)

    async def _collect(self, respond: Responder) -> None:
        collector = self._route.dialect.collector(self._parsed)
        output = WholeOutput(respond, self.race, collector)
        self._output = output
        error = await self._race(output)
        if error is not None and not output.finished:
            await respond.refuse(error, self.race)

    async def _race(self, output: Output) -> OmenError | None:
        """Run the race; return the error that it ended with, if any."""
        try:
            await self._route.gateway.run(self.race, self._parsed.request, output)
        except OmenError as error:
            return error
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            return own_fault(bug, f"race {self.race.race_id}")
        return None
