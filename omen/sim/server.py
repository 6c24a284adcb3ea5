"""A simulated upstream: one provider, speaking its real wire format on real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

import h11
import trio

from omen.sim.anthropic import AnthropicDialect
from omen.sim.azure import AzureDialect
from omen.sim.connection import Connection
from omen.sim.dialect import Call, Dialect, ProviderKind
from omen.sim.draw import Draw, draw
from omen.sim.faults import Silence, Status
from omen.sim.http import JSON_TYPE, HttpReply, HttpRequest, json_reply
from omen.sim.mishaps import status_reply
from omen.sim.ollama import OllamaDialect
from omen.sim.openai import OpenAIDialect
from omen.sim.playing import play
from omen.sim.profile import Profile
from omen.sim.script import script
from omen.sim.stats import StreamStats
from omen.sim.xai import XAIDialect

_USUAL = Profile()
_CONTROL = "/sim/"
_OVERLOADED = Status(1.0, status=503)
Outage = Status | Silence
"""What an upstream that is down answers to everything."""


@dataclass(slots=True)
class _Switch:
    """What a frozen upstream has to hold that changes."""

    outage: Outage | None = None


@dataclass(frozen=True, slots=True)
class RunningUpstream:
    """A simulated upstream that accepts connections. `base_url` is an origin, with no path."""

    name: str
    kind: ProviderKind
    base_url: str
    models: tuple[str, ...]
    stats: StreamStats


@dataclass(frozen=True, slots=True)
class SimulatedUpstream:
    """What there is to know of one simulated upstream. A plain value; serving makes it live.

    `name` is also who answers: the words of its answers come from it. Upstreams that are to be
    slow together (`Profile.correlation`) need the same `seed`. With an `api_key`, any other key
    is refused as the vendor would; without one, everybody is served. `deployed` is for `azure`,
    where `models` are deployments: the model behind each, by default one of the same name.
    """

    name: str
    kind: ProviderKind
    profile: Profile = _USUAL
    seed: int = 0
    models: tuple[str, ...] = ("omen-demo",)
    api_key: str | None = field(default=None, repr=False)
    deployed: Mapping[str, str] = field(default_factory=dict, hash=False)
    _switch: _Switch = field(default_factory=_Switch, init=False, repr=False, compare=False)

    @contextmanager
    def down(self, outage: Outage = _OVERLOADED) -> Iterator[None]:
        """Answer every request on every path with `outage` for as long as the block lasts.

        What is being answered already goes on.
        """
        before, self._switch.outage = self._switch.outage, outage
        try:
            yield
        finally:
            self._switch.outage = before

    def outage(self, request: HttpRequest) -> Outage | None:
        """Say what befalls a request that no model answers; None when all is well."""
        if self._switch.outage is not None or not self.profile.everywhere:
            return self._switch.outage
        fault = self.fate(f"{request.method} {request.path} {request.number}").fault
        return fault if isinstance(fault, Outage) else None

    @property
    def is_down(self) -> bool:
        """Whether nothing at all is served."""
        return self._switch.outage is not None

    def fate(self, key: str) -> Draw:
        """Say what will happen to every request whose last user message is `key`."""
        return draw(self.profile, seed=self.seed, provider=self.name, key=key)

    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        task_status: trio.TaskStatus[RunningUpstream] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve on TCP until cancelled; the started value says where.

        **Cancellation.** Closes every connection and the listeners.
        """
        stats = StreamStats()
        listeners = await trio.open_tcp_listeners(port, host=host)
        address = listeners[0].socket.getsockname()
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        base_url = f"http://{shown}:{address[1]}"
        handler = partial(self.serve_connection, stats=stats)
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, handler, listeners)
            task_status.started(RunningUpstream(self.name, self.kind, base_url, self.models, stats))

    async def serve_connection(
        self, stream: trio.abc.Stream, stats: StreamStats | None = None
    ) -> None:
        """Serve one connection, over any stream, until either side ends it; close it then.

        What a peer does to its connection ends that connection and nothing else.
        """
        stats = StreamStats() if stats is None else stats
        exchange = _Exchange(self, Connection(stream), stats)
        with stats.connection():
            async with stream:
                await exchange.run()

    def dialect(self) -> Dialect:
        """Make the dialect this upstream speaks."""
        match self.kind:
            case "openai":
                return OpenAIDialect(self.models, self.api_key)
            case "anthropic":
                return AnthropicDialect(self.models, self.api_key)
            case "ollama":
                return OllamaDialect(self.models, self.api_key)
            case "azure":
                return AzureDialect(self.models, self.api_key, self.deployed)
            case "xai":
                return XAIDialect(self.models, self.api_key)


class _Exchange:
    """The requests of one connection, one after the other."""

    def __init__(
        self, upstream: SimulatedUpstream, connection: Connection, stats: StreamStats
    ) -> None:
        self._upstream = upstream
        self._dialect = upstream.dialect()
        self._connection = connection
        self._stats = stats

    async def run(self) -> None:
        try:
            await self._run()
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint)
        except trio.BrokenResourceError:
            return  # gone without a word, between two requests or in the middle of one

    async def _run(self) -> None:
        while (request := await self._connection.next_request()) is not None:
            numbered = replace(request, number=self._stats.next_number(), loaded=self._stats.models)
            await self._respond(numbered)
            if not self._connection.ready_for_next():
                return

    async def _refuse(self, status: int) -> None:
        if self._connection.can_still_answer():
            with suppress(trio.BrokenResourceError):  # it need not wait for the answer
                await self._connection.reply(json_reply(status, {"error": "not a fit request"}))

    async def _respond(self, request: HttpRequest) -> None:
        if request.path.startswith(_CONTROL):
            await self._connection.reply(self._control(request))
            return
        self._stats.received(request)
        found = self._dialect.read(request)
        if isinstance(found, Call) and not self._upstream.is_down:
            await self._answer(found, request.number)
            return
        match self._upstream.outage(request):
            case Status() as fault:
                reply = status_reply(self._dialect, fault, request.number)
                await self._connection.reply(reply)
            case Silence():
                await self._fall_silent()
            case None:
                assert isinstance(found, HttpReply)  # a call was answered above
                await self._connection.reply(found)

    async def _fall_silent(self) -> None:
        await self._connection.write(self._connection.head(200, (("content-type", JSON_TYPE),)))
        await self._connection.wait_until_peer_leaves()

    async def _answer(self, call: Call, number: int) -> None:
        fate = self._upstream.fate(call.key)
        record = self._stats.begin(
            number,
            key=call.key,
            model=call.model,
            streamed=call.stream,
            fault=fate.fault.kind if fate.fault else None,
            prompt_tokens=call.prompt_tokens,
            whole_tokens=call.reasoning + min(fate.tokens, call.max_tokens or fate.tokens),
            bills_in_full=self._upstream.profile.bills_in_full,
        )
        steps = script(
            call,
            fate,
            self._dialect,
            provider=self._upstream.name,
            number=number,
            created=time.time(),
        )
        await play(steps, self._connection, self._stats, record)

    def _control(self, request: HttpRequest) -> HttpReply:
        match request.method, request.path:
            case "GET", "/sim/stats":
                upstream = self._upstream
                named = {"name": upstream.name, "kind": upstream.kind}
                return json_reply(200, {**named, **self._stats.to_json()})
            case "POST", "/sim/reset":
                self._stats.reset()
                return json_reply(200, {"reset": True})
        return json_reply(404, {"error": "GET /sim/stats or POST /sim/reset"})
