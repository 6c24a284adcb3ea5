"""OMEN as a user meets it: simulated upstreams and the gateway on real sockets, one trio run.

Clients are blocking ones in threads, as official SDKs are mostly used.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import openai
import trio

from omen.admission import Controller, Pressure, TicketReleaser
from omen.cli._demo import with_simulated
from omen.config import ProviderSettings, ServerSettings, Settings
from omen.config.settings import HealthSettings, RaceSettings
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.front.app import make_app
from omen.front.http.admitted import Admitted
from omen.gateway import Books, Gateway, open_gateway
from omen.serving import LiveConnections, ServerHandle, ServingSettings, serve
from omen.sim import SimulatedUpstream, StreamStats, open_fleet
from omen.telemetry import LiveFeed, OpenTelemetry, pass_on
from omen.wire.transport import Transport
from tests.serving.harness import Stream
from tests.serving.tls import TLSClient

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which a test has hung. No test waits for it."""


class Ends:
    """An observer that lets a test wait for attempts to end."""

    def __init__(self) -> None:
        self._ended = trio.Event()

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        if moment == "ended":
            self._ended.set()
            self._ended = trio.Event()

    async def wait_until_none(self, gateway: Gateway) -> None:
        while gateway.attempts.live:
            await self._ended.wait()


@dataclass
class Served:
    """A running gateway, seen from outside and from inside."""

    url: str
    gateway: Gateway
    transport: Transport
    handle: ServerHandle
    stats: dict[str, StreamStats]
    ends: Ends
    shutdown: trio.Event
    opened: list[Stream] = field(default_factory=list)

    async def connect(self) -> Stream:
        """Open a connection to speak by hand; what a test leaves open is closed after it."""
        stream = await trio.open_tcp_stream(*self.handle.addresses[0])
        self.opened.append(stream)
        return stream

    async def connect_tls(self, *protocols: str) -> TLSClient:
        """The same, greeted in TLS."""
        return await TLSClient.greet(await self.connect(), *protocols)

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused", max_retries=0)

    async def call(self, work: Callable[[openai.OpenAI], T]) -> T:
        """Run blocking SDK calls in a thread; the client is closed afterwards."""

        def run() -> T:
            with self.client() as client:
                return work(client)

        return await trio.to_thread.run_sync(run)

    async def assert_nothing_left(self) -> None:
        """Wait until every attempt and every upstream stream has ended; see what is left."""
        await self.ends.wait_until_none(self.gateway)
        for stats in self.stats.values():
            await stats.wait_until(lambda seen: seen.open == 0)
        assert self.transport.sockets_in_use == 0
        if self.gateway.audit is not None:
            assert self.gateway.audit.failed == 0


@asynccontextmanager
async def open_served(
    *upstreams: SimulatedUpstream,
    server: ServerSettings | None = None,
    race: RaceSettings | None = None,
    health: HealthSettings | None = None,
    settings: Settings | None = None,
    books: Books | None = None,
    first_token_timeout: float = 60.0,
    stall_timeout: float = 60.0,
    tls: ssl.SSLContext | None = None,
    configure: Callable[[ProviderSettings], ProviderSettings] = lambda provider: provider,
    patience: float = PATIENCE,
    admission: Controller | None = None,
    spans: OpenTelemetry | None = None,
) -> AsyncIterator[Served]:
    """Serve a gateway over these upstreams; both are gone when the block is left.

    Without upstreams the providers of `settings` are served as they are configured.
    `configure` changes each provider from what its upstream would be served as by default.
    """
    server = server or ServerSettings()
    with trio.fail_after(patience):
        async with open_fleet(upstreams) as fleet, trio.open_nursery() as nursery:
            chosen = replace(
                settings or Settings(),
                server=server,
                race=race or RaceSettings(),
                health=health or HealthSettings(),
            )
            simulated = with_simulated(chosen, fleet).providers
            providers = {
                name: replace(
                    configure(provider),
                    first_token_timeout_seconds=first_token_timeout,
                    stall_timeout_seconds=stall_timeout,
                )
                for name, provider in simulated.items()
            }
            transport, feed, ends, shutdown = Transport(), LiveFeed(), Ends(), trio.Event()
            opened = open_gateway(
                replace(chosen, providers=providers or chosen.providers),
                transport=transport,
                observers=[feed, ends, TicketReleaser(), *([] if spans is None else [spans])],
                books=books,
                request_observers=[] if spans is None else [spans.end_request],
                begin_trace=pass_on if spans is None else spans.begin_trace,
                pressure=lambda: Pressure.NORMAL if admission is None else admission.pressure,
            )
            async with opened as gateway:
                await gateway.prepare()
                connections = LiveConnections()
                app = make_app(gateway, feed, server, shutdown, connections, admission=admission)
                if admission is not None:
                    nursery.start_soon(admission.run)
                serving = ServingSettings(
                    bind="127.0.0.1",
                    port=0,
                    drain=5.0,
                    max_message=server.max_body_bytes,
                    websocket_ping=server.keepalive_after_seconds,
                    write_timeout=server.write_timeout_seconds,
                    header_timeout=server.header_timeout_seconds,
                    tls=tls,
                    admission=app if isinstance(app, Admitted) else None,
                )
                handle: ServerHandle = await nursery.start(
                    partial(serve, app, serving, shutdown=shutdown, connections=connections)
                )
                host, port = handle.addresses[0]
                stats = {up.name: up.stats for up in fleet}
                served = Served(
                    f"http://{host}:{port}", gateway, transport, handle, stats, ends, shutdown
                )
                try:
                    yield served
                finally:
                    for stream in served.opened:
                        await trio.aclose_forcefully(stream)
                shutdown.set()
                if admission is not None:
                    nursery.cancel_scope.cancel()
