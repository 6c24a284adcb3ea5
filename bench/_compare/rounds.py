"""Rounds in which the trees take turns: each starts its gateway, gets every case, and stops."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from bench._compare.cases import Case
from bench._compare.tools import Heard, Tools
from bench._compare.trees import Tree
from bench._machine import all_threads_seconds, resident_kib
from bench._processes import Address

_WARM = 0.2
"""Requests before a block is measured, as a share of the block's."""


@dataclass(frozen=True, slots=True)
class Block:
    """One measured block: the processor time of the gateway, and what the client reports."""

    cpu_us: float
    heard: Heard

    @property
    def cpu_us_per_request(self) -> float:
        return self.cpu_us / self.heard.requests


@dataclass(slots=True)
class Series:
    """What was measured of one tree: the blocks by the name of the case, and its starts."""

    tree: Tree
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    start_seconds: list[float] = field(default_factory=list)
    idle_mb: list[float] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """The number of answers that were not right."""
        return sum(block.heard.wrong for blocks in self.blocks.values() for block in blocks)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rounds share. `scale` multiplies the number of requests of a block."""

    tools: Tools
    upstream: Address
    cases: Sequence[Case]
    folder: Path
    scale: float = 1.0
    is_pinned: bool = False

    async def play(self, series: Series, number: int) -> None:
        """Run one round of one tree. **Raises.** `BenchError`."""
        folder = self.folder / f"{series.tree.name}-{number}"
        async with series.tree.open(self.upstream, folder) as (server, key, started_at):
            series.start_seconds.append(trio.current_time() - started_at)
            series.idle_mb.append(resident_kib(server.pid) / 1024)
            if self.is_pinned:
                os.sched_setaffinity(server.pid, {min(os.sched_getaffinity(0))})
            for case in self.cases:
                if series.tree.path is None and not case.in_skeleton:
                    continue
                request = folder / "request"
                address = server.addresses["gateway"]
                await trio.Path(request).write_bytes(case.request(address.host, key))
                block = await self._run(server.pid, address, case, request)
                series.blocks.setdefault(case.name, []).append(block)

    async def _run(self, pid: int, address: Address, case: Case, request: Path) -> Block:
        count = max(case.connections, round(case.requests * self.scale))
        warm = max(case.connections, round(count * _WARM))
        await self.tools.load(address, case.connections, warm, request)
        before = all_threads_seconds(pid)
        heard = await self.tools.load(address, case.connections, count, request)
        return Block((all_threads_seconds(pid) - before) * 1e6, heard)
