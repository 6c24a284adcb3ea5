"""The kinds of load, and what each gateway did under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench._machine import whole_cpu_seconds
from bench._peers.running import Running
from bench._peers.tools import Loaded, run_load

CHUNKS = 64
GAP_US = 10_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of load. `paced` is for the upstream that pauses between chunks."""

    name: str
    title: str
    connections: int
    stream: bool
    paced: bool = False


KINDS: Sequence[Kind] = (
    Kind("plain_1", "plain, 1 connection", 1, stream=False),
    Kind("plain_64", "plain, 64 connections", 64, stream=False),
    Kind("at_once", f"{CHUNKS} chunks at once, 16 connections", 16, stream=True),
    Kind("paced", f"100 streams of {CHUNKS} chunks, 10 ms apart", 100, stream=True, paced=True),
)


@dataclass(slots=True)
class Cell:
    """The runs of one gateway under one kind of load. Nothing is averaged before the report."""

    cpu_us: list[float] = field(default_factory=list)
    """Microseconds of processor time a request, of all threads."""
    loaded: list[Loaded] = field(default_factory=list)

    def add(self, loaded: Loaded, cpu_seconds: float) -> None:
        """Add one run."""
        self.loaded.append(loaded)
        self.cpu_us.append(cpu_seconds / max(loaded.requests, 1) * 1e6)

    @property
    def failures(self) -> int:
        """Requests that were not answered with 200, to their end; a run without any is one, too."""
        return sum(run.failures + (run.requests == 0) for run in self.loaded)

    @property
    def works(self) -> bool:
        """Whether nearly all requests of every run were answered."""
        return all(run.requests > 99 * run.failures and run.requests for run in self.loaded)

    @property
    def trouble(self) -> str:
        """What went wrong, if it does not work."""
        failed = any(run.failures for run in self.loaded)
        return "failed" if failed else "none was whole in time"

    def middle(self, name: str, place: int = 0) -> float:
        """Return the median, over the runs, of a time in milliseconds: `place` 1 is its p99."""
        return float(median(getattr(run, name)[place] for run in self.loaded))

    @property
    def cpu(self) -> float:
        """The median of the runs."""
        return median(self.cpu_us)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most of the runs."""
        return min(self.cpu_us), max(self.cpu_us)


Cells = Mapping[tuple[str, str], Cell]
"""By the names of the gateway and of the kind."""


async def run_cell(
    cell: Cell, kind: Kind, target: Running, folder: Path, *, seconds: float, core: int
) -> None:
    """Load one gateway, for one run."""
    request = target.request(stream=kind.stream)
    before = whole_cpu_seconds(target.pid)
    loaded = await run_load(
        folder, target.port, request, connections=kind.connections, seconds=seconds, core=core
    )
    cell.add(loaded, whole_cpu_seconds(target.pid) - before)
