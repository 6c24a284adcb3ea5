"""Counts of the sockets to upstreams, taken from the transport and not from their users."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from omen.routing.observe.probes import Target
from omen.wire.transport import Transport


@dataclass(frozen=True, slots=True)
class UpstreamSockets:
    """The numbers of sockets to upstreams. `in_use` equals the live attempts at every moment."""

    in_use: int
    idle: int
    probing: int = 0
    """The sockets of probes; `in_use` does not include them."""


def count_sockets(transport: httpx.AsyncBaseTransport) -> UpstreamSockets | None:
    """Return the counts; None for a foreign transport, which does not report its sockets."""
    if not isinstance(transport, Transport):
        return None
    all_ = owners(transport)
    probes = sum(isinstance(owner, Target) for owner in all_)
    return UpstreamSockets(len(all_) - probes, transport.sockets_idle, probes)


def owners(transport: httpx.AsyncBaseTransport) -> list[object]:
    """Return the owner of each exchange under way; empty for a foreign transport."""
    exchanges = transport.exchanges if isinstance(transport, Transport) else ()
    return [exchange.owner for exchange in exchanges]
