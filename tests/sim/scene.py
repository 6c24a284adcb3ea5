"""An upstream that always meets one fault, and a client of it."""

from __future__ import annotations

from typing import Any

import trio

from omen.sim import Fault, Fixed, Profile, SimulatedUpstream, StreamStats
from tests.sim.naive import NaiveClient, Received, connect


class Scene:
    """An upstream that always meets the given fault, and a client connected to it."""

    def __init__(self, kind: str, fault: Fault, nursery: trio.Nursery) -> None:
        profile = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=6, faults=(fault,))
        self.kind = kind
        self.stats = StreamStats()
        upstream = SimulatedUpstream("sim", kind, profile)
        self.client: NaiveClient = connect(upstream, nursery, self.stats)

    async def chat(self, **extra: Any) -> Received:
        return await self.client.chat(self.kind, **extra)

    async def chat_for(self, seconds: float, **extra: Any) -> Received:
        await self.client.send_chat(self.kind, **extra)
        return await self.client.receive_for(seconds)

    def now(self) -> float:
        return trio.current_time() - self.client.start
