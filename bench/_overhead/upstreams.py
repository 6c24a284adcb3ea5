"""The simulated upstreams: one process for each pace, of which one upstream is used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from bench._overhead.kinds import SPEAKER, Pace
from bench._processes import Address, open_simulators


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Their addresses and processes, by the name of the pace."""

    addresses: Mapping[str, Address]
    pids: Mapping[str, int]


@asynccontextmanager
async def open_upstreams(
    paces: Sequence[Pace], seed: int, folder: Path
) -> AsyncIterator[Upstreams]:
    """Run the upstreams while the block lasts."""
    async with AsyncExitStack() as stack:
        addresses: dict[str, Address] = {}
        pids: dict[str, int] = {}
        for pace in paces:
            own = folder / pace.name
            await trio.Path(own).mkdir()
            server = await stack.enter_async_context(open_simulators(seed, pace.profile, own))
            addresses[pace.name] = server.addresses[SPEAKER.name]
            pids[pace.name] = server.pid
        yield Upstreams(addresses, pids)
