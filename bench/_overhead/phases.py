"""The four runs of `bench.overhead`, one after the other, each filling its part of every cell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from operator import attrgetter
from pathlib import Path

from bench._chat import CHAT_PATH
from bench._client import Client
from bench._errors import BenchError
from bench._machine import cpu_times, whole_cpu_seconds
from bench._overhead.kinds import Kind, paces_of
from bench._overhead.options import Options
from bench._overhead.recorded import Recorded, record, write_recorded
from bench._overhead.runs import Target, run_cells
from bench._overhead.sampler import count_layers, read_samples
from bench._overhead.tally import Cell, complaint
from bench._overhead.transport_alone import transport_us
from bench._overhead.upstreams import Upstreams
from bench._processes import Address, Server, open_gateway_process, open_stand_in

_CPU_TO_SAMPLE = 2.0
"""Seconds of processor time that give enough samples: about 500, at 250 a second."""
_MOST_STRETCHED = 5.0
"""A cell that leaves the gateway idle is sampled for longer, up to this factor."""
_TIMEOUT = 30.0


class Phases:
    """The four runs, with what they share."""

    def __init__(
        self, cells: Sequence[Cell], options: Options, upstreams: Upstreams, folder: Path
    ) -> None:
        self._cells = cells
        self._kinds = tuple(dict.fromkeys(cell.kind for cell in cells))
        self._options = options
        self._upstreams = upstreams
        self._folder = folder

    async def gateway(self) -> tuple[Mapping[str, Recorded], float]:
        """Measure the gateway as it is.

        Return an answer of each kind, and the main thread's share of the process's processor time:
        only that thread is counted, so this share should be 1.
        """
        async with self._open_gateway() as server:
            answers = await _record_answers(self._kinds, server.addresses["gateway"])
            main, whole = cpu_times(server.pid).running, whole_cpu_seconds(server.pid)
            await self._run(self._asked(server), "gateway")
            main = cpu_times(server.pid).running - main
            whole = whole_cpu_seconds(server.pid) - whole
        return answers, main / whole if whole else 1.0

    async def sampled(self) -> None:
        """Run the gateway again and sample which layer works."""
        file = self._folder / "samples.json"
        async with self._open_gateway("bench._overhead.sampled_serve", str(file)) as server:
            await self._run(self._asked(server), "sampled", stretch=True)
        samples = read_samples(file)
        for cell in self._cells:
            cell.layers = count_layers(samples, cell.sampled.spans)

    async def serving(self, answers: Mapping[str, Recorded]) -> None:
        """Let `omen.serving` send the same answers, with nothing behind it."""
        file = self._folder / "answers.json"
        write_recorded(file, answers)
        module = "bench._overhead.bare_serve"
        async with open_stand_in(module, str(file), folder=self._folder) as server:
            processes = {"serving": server.pid, "client": os.getpid()}
            asked = Target(server.addresses["gateway"], processes, {}, own_paths=True)
            await self._run(asked, "serving")

    async def transport(self) -> None:
        """Drive the transport alone, in this process. It always reads a stream."""
        for cell in self._cells:
            if cell.kind.stream:
                address = self._upstreams.addresses[cell.kind.pace.name]
                seconds = self._options.seconds / 2
                cell.transport_us = await transport_us(address, cell.connections, seconds)

    def _open_gateway(self, *through: str) -> AbstractAsyncContextManager[Server]:
        configured = [pace.upstream for pace in paces_of(self._kinds)]
        addresses, folder = self._upstreams.addresses, self._folder
        return open_gateway_process(configured, addresses, folder, through=through)

    def _asked(self, server: Server) -> Target:
        processes = {"gateway": server.pid, "client": os.getpid()}
        return Target(server.addresses["gateway"], processes, self._upstreams.pids)

    async def _run(self, asked: Target, name: str, *, stretch: bool = False) -> None:
        options = self._options

        def seconds_of(cell: Cell) -> float:
            if not stretch:
                return options.seconds
            return stretched(options.seconds, cell.gateway.shares["gateway"].cores_busy)

        rounds = options.rounds
        await run_cells(self._cells, asked, attrgetter(name), seconds_of, rounds=rounds)


def stretched(seconds: float, busy: float) -> float:
    """Return how long to sample a cell, by the cores that it keeps busy in `seconds`."""
    wanted = _CPU_TO_SAMPLE / max(busy, 1e-9)
    return min(max(wanted, seconds), _MOST_STRETCHED * seconds)


async def _record_answers(kinds: Sequence[Kind], address: Address) -> dict[str, Recorded]:
    """Record one answer of each kind. **Raises.** `BenchError` when one is not as expected."""
    answers: dict[str, Recorded] = {}
    for kind in kinds:
        client = Client(address.host, address.port, CHAT_PATH, timeout=_TIMEOUT)
        try:
            exchange = await client.ask(kind.body("to be recorded"))
        finally:
            client.close()
        reason = complaint(kind, exchange)
        if reason:
            raise BenchError(f"the gateway's answer, {kind.title}: {reason}")
        answers[kind.name] = record(exchange, kind.pace.gap)
    return answers
