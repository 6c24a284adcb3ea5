"""What the simulated upstreams saw, from their `/sim/stats`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from bench._client import Client
from bench._errors import BenchError
from bench._processes import Address

_TIMEOUT = 10.0
_SETTLE_SECONDS = 0.05
"""Wait this long: a request sent just before its client left may still be on its way upstream."""
_PATIENCE_SECONDS = 5.0
"""How long to wait for streams to close. A stream that is then open counts as never closed."""


@dataclass(frozen=True, slots=True)
class Stream:
    """How one stream ended, as its upstream reports; both are None while it is open."""

    ending: str | None
    ended_unix: float | None


Seen = Mapping[str, Mapping[str, Sequence[Stream]]]
"""Streams by the upstream's name and by the hash of the question."""


class Upstreams:
    """The control routes of the simulated upstreams, used when no load runs."""

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self._addresses = addresses

    async def collect(self) -> Seen:
        """Wait, for a limited time, until no stream is open; return every stream, and reset."""
        await trio.sleep(_SETTLE_SECONDS)
        told = await self._read()
        with trio.move_on_after(_PATIENCE_SECONDS):
            while any(map(_open_streams, told.values())):
                await trio.sleep(_SETTLE_SECONDS)
                told = await self._read()
        for address in self._addresses.values():
            await fetch_json(address, "/sim/reset", method="POST")
        return {name: read_streams(stats) for name, stats in told.items()}

    async def open_streams(self) -> dict[str, int]:
        """Return how many streams each upstream has open."""
        return {name: _open_streams(stats) for name, stats in (await self._read()).items()}

    async def _read(self) -> dict[str, dict[str, Any]]:
        return {
            name: await fetch_json(address, "/sim/stats")
            for name, address in self._addresses.items()
        }


def read_streams(stats: Mapping[str, Any]) -> dict[str, list[Stream]]:
    """Return the streams of one upstream by the hash of their question."""
    found: defaultdict[str, list[Stream]] = defaultdict(list)
    for record in stats["recent"]:
        found[record["key_hash"]].append(Stream(record["ending"], record["ended_unix"]))
    return dict(found)


async def fetch_json(address: Address, path: str, *, method: str = "GET") -> dict[str, Any]:
    """Request JSON from a server. **Raises.** `BenchError` when it returns none."""
    client = Client(address.host, address.port, path, timeout=_TIMEOUT, method=method)
    try:
        exchange = await client.ask()
    finally:
        client.close()
    if exchange.failure or exchange.status != 200:
        reason = exchange.failure or f"status {exchange.status}"
        raise BenchError(f"{method} {address.url}{path}: {reason}")
    value: dict[str, Any] = json.loads(exchange.body)
    return value


def _open_streams(stats: Mapping[str, Any]) -> int:
    return int(stats["streams"]["open"])
