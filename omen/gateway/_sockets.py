"""The sockets to upstreams: their counts, taken from the transport, and how many there may be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import httpx

from omen.config import Settings
from omen.routing.observe.probes import Target
from omen.wire.transport import Origin, Transport

_SPARE = 64
"""Exchanges at an origin that are no attempts: probes, and answers that are being closed."""


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


async def keep_spares(transport: httpx.AsyncBaseTransport) -> None:
    """Have the transport open connections ahead of need, until cancelled, if it is OMEN's own."""
    if isinstance(transport, Transport):
        await transport.keep_spares()


def widen_transport(transport: httpx.AsyncBaseTransport, settings: Settings) -> None:
    """Let every origin have as many exchanges as the `max_concurrency` of its providers allows.

    Only this limit is the operator's. One below it would be found out by requests that fail.
    """
    if not isinstance(transport, Transport):
        return
    exchanges: Counter[Origin] = Counter()
    for provider in settings.providers.values():
        for origin in {Origin.of(httpx.URL(url)) for url in provider.base_urls}:
            exchanges[origin] += provider.max_concurrency
    transport.allow({origin: count + _SPARE for origin, count in exchanges.items()})
