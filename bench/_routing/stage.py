"""Three simulated upstreams and a real gateway over them, in virtual time and without sockets.

The trouble of the first upstream can change while it runs. A change closes its connections, as a
restart would.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import trio
from trio.testing import memory_stream_pair

from omen.config import HealthSettings, Price, ProviderSettings, Settings
from omen.gateway import Gateway, open_gateway
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import Status
from omen.wire.transport import Origin, Transport

Trouble = Literal["slow", "failing", "dead", "dear"]
TROUBLES: tuple[Trouble, ...] = ("slow", "failing", "dead", "dear")
FIRST = "first"
MODEL = "m"

_FIRST_TOKENS: Mapping[str, float] = {FIRST: 0.4, "second": 0.7, "third": 1.0}
_PRICES = {FIRST: 1, "second": 2, "third": 3}
_SLOW_SECONDS = 8.0
_DEAR = 60


def _profile(first_token: float, **more: object) -> Profile:
    told: dict[str, object] = {"first_token": Fixed(first_token), "gap": Fixed(0.02), "tokens": 20}
    return Profile(**{**told, **more})  # type: ignore[arg-type]


def _upstream(name: str, trouble: Trouble | None = None) -> SimulatedUpstream:
    profile = _profile(_FIRST_TOKENS[name])
    if trouble == "slow":
        profile = _profile(_SLOW_SECONDS)
    elif trouble == "failing":
        profile = _profile(_FIRST_TOKENS[name], faults=(Status(1.0, status=503),))
    return SimulatedUpstream(name, "openai", profile, models=(MODEL,))


def _settings(dear: bool) -> Settings:
    providers = {}
    for name, usd in _PRICES.items():
        price = Decimal(_DEAR if dear and name == FIRST else usd)
        providers[name] = ProviderSettings(
            name=name,
            kind="openai",
            base_urls=(f"http://{name}/v1",),
            models=(MODEL,),
            prices={MODEL: Price(input=price, output=price)},
        )
    return Settings(providers=providers, health=HealthSettings(interval_seconds=10.0))


@dataclass
class Stage:
    """The running gateway and its upstreams."""

    gateway: Gateway
    upstreams: dict[str, SimulatedUpstream]
    scopes: dict[str, trio.CancelScope]
    dead: set[str]

    def set(self, trouble: Trouble | None) -> None:
        """Set the trouble of the first upstream; None ends it."""
        self.upstreams[FIRST] = _upstream(FIRST, trouble)
        self.scopes[FIRST].cancel()
        self.scopes[FIRST] = trio.CancelScope()
        self.dead = {FIRST} if trouble == "dead" else set()
        self.gateway.reload(replace(_settings(trouble == "dear")))


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Open the gateway; its upstreams live as long as the block."""
    async with trio.open_nursery() as nursery:
        upstreams = {name: _upstream(name) for name in _PRICES}
        scopes = {name: trio.CancelScope() for name in _PRICES}

        async def dial(origin: Origin) -> trio.abc.Stream:
            if origin.host in stage.dead:
                raise ConnectionRefusedError
            ours, theirs = memory_stream_pair()
            nursery.start_soon(_serve, stage, origin.host, theirs)
            return ours

        opened = open_gateway(_settings(dear=False), transport=Transport(dial=dial))
        async with opened as gateway, trio.open_nursery() as beside:
            stage = Stage(gateway, upstreams, scopes, set())
            beside.start_soon(gateway.keep_probing)
            yield stage
            beside.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


async def _serve(stage: Stage, name: str, stream: trio.abc.Stream) -> None:
    # Several connections share a scope, and a scope can be entered once. So each has its own task
    # that waits for the shared one to be cancelled.
    shared = stage.scopes[name]
    with trio.CancelScope() as own:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_break_off, shared, own)
            await stage.upstreams[name].serve_connection(stream)
            nursery.cancel_scope.cancel()


async def _break_off(shared: trio.CancelScope, own: trio.CancelScope) -> None:
    while not shared.cancel_called:  # noqa: ASYNC110  virtual time costs nothing
        await trio.sleep(0.5)
    own.cancel()
