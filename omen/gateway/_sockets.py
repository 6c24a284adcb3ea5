"""The sockets to upstreams, counted from outside of whoever uses them."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from omen.routing.observe.probes import Target
from omen.wire.transport import Transport


@dataclass(frozen=True, slots=True)
class UpstreamSockets:
    """How many there are to upstreams. One in use belongs to one live attempt, at every moment."""

    in_use: int
    idle: int
    probing: int = 0
    """Further ones, that probes have."""


def count_sockets(transport: httpx.AsyncBaseTransport) -> UpstreamSockets | None:
    """Count them; None over a foreign transport, which does not tell."""
    if not isinstance(transport, Transport):
        return None
    all_ = owners(transport)
    probes = sum(isinstance(owner, Target) for owner in all_)
    return UpstreamSockets(len(all_) - probes, transport.sockets_idle, probes)


def owners(transport: httpx.AsyncBaseTransport) -> list[object]:
    """Say what the sockets in use are in use for."""
    exchanges = transport.exchanges if isinstance(transport, Transport) else ()
    return [exchange.owner for exchange in exchanges]
