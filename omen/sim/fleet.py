"""Several simulated upstreams at once: one of each kind, and the three that serve by default."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain, repeat

import trio

from omen.sim.distributions import Between, LogNormal
from omen.sim.profile import Profile
from omen.sim.server import RunningUpstream, SimulatedUpstream

DEMO_MODEL = "omen-demo"
"""The model that every upstream of the default fleet serves."""

DEFAULT_FLEET = (
    SimulatedUpstream(
        "sim-openai",
        "openai",
        Profile(
            first_token=LogNormal(0.45, 0.5), gap=LogNormal(0.022, 0.4), tokens=Between(40, 90)
        ),
        models=(DEMO_MODEL, "gpt-sim"),
    ),
    SimulatedUpstream(
        "sim-anthropic",
        "anthropic",
        Profile(
            first_token=LogNormal(0.55, 0.35), gap=LogNormal(0.018, 0.3), tokens=Between(50, 100)
        ),
        models=(DEMO_MODEL, "claude-sim"),
    ),
    SimulatedUpstream(
        "sim-ollama",
        "ollama",
        Profile(
            first_token=LogNormal(0.3, 0.75), gap=LogNormal(0.035, 0.3), tokens=Between(30, 70)
        ),
        models=(DEMO_MODEL, "llama-sim"),
    ),
)
"""The three that serve when nothing is configured: without faults, and close enough in speed that
each wins sometimes."""

WHOLE_FLEET = (
    *DEFAULT_FLEET,
    SimulatedUpstream(
        "sim-azure",
        "azure",
        Profile(
            first_token=LogNormal(0.5, 0.45), gap=LogNormal(0.025, 0.5), tokens=Between(40, 90)
        ),
        models=(DEMO_MODEL, "azure-sim"),
    ),
    SimulatedUpstream(
        "sim-xai",
        "xai",
        Profile(first_token=LogNormal(0.4, 0.6), gap=LogNormal(0.02, 0.4), tokens=Between(40, 90)),
        models=(DEMO_MODEL, "grok-sim"),
    ),
)
"""One upstream of each kind; the default ones come first."""


@asynccontextmanager
async def open_fleet(
    upstreams: Sequence[SimulatedUpstream] = DEFAULT_FLEET,
    *,
    host: str = "127.0.0.1",
    ports: Sequence[int] = (),
) -> AsyncIterator[tuple[RunningUpstream, ...]]:
    """Serve all `upstreams` for as long as the block lasts; those without a port get a free one.

    **Raises.** Leaving with an exception wraps it in an `ExceptionGroup`, as a nursery does.
    """
    if len(ports) > len(upstreams):
        raise ValueError(f"{len(ports)} ports for {len(upstreams)} upstreams")
    async with trio.open_nursery() as nursery:
        running: list[RunningUpstream] = []
        for upstream, port in zip(upstreams, chain(ports, repeat(0)), strict=False):
            running.append(await nursery.start(partial(upstream.serve, host=host, port=port)))
        yield tuple(running)
        nursery.cancel_scope.cancel()
