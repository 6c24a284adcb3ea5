"""Runs of a given duration: the cells of the table take turns in blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import trio

from bench._chat import CHAT_PATH
from bench._client import Client, Exchange
from bench._load import Load, open_load
from bench._overhead.kinds import Kind
from bench._overhead.tally import Cell, Run
from bench._processes import Address


@dataclass(frozen=True, slots=True)
class Target:
    """The server and the measured processes: `upstreams` by pace, the others by name."""

    address: Address
    processes: Mapping[str, int]
    upstreams: Mapping[str, int]
    own_paths: bool = False
    """Whether each kind has a path of its own, from its name."""

    def processes_of(self, kind: Kind) -> dict[str, int]:
        """Return the processes that take part in a request of this kind, by name."""
        upstream = self.upstreams.get(kind.pace.name)
        return {**self.processes, **({} if upstream is None else {"upstream": upstream})}

    def path_of(self, kind: Kind) -> str:
        """Return the path of a request of this kind."""
        return f"/{kind.name}" if self.own_paths else CHAT_PATH


async def run_cells(
    cells: Sequence[Cell],
    asked: Target,
    run_of: Callable[[Cell], Run],
    seconds_of: Callable[[Cell], float],
    *,
    rounds: int,
) -> None:
    """Run every cell for its duration, in blocks, and add the results to the cell's run."""
    with _open_loads(cells, asked) as loads:
        for cell, load in zip(cells, loads, strict=True):
            await load.ask([f"warm up {number}" for number in range(cell.connections)])
        for _ in range(rounds):
            for cell, load in zip(cells, loads, strict=True):
                questions = questions_for(seconds_of(cell) / rounds)
                await _run_block(cell.kind, load, questions, run_of(cell), asked)


def questions_for(seconds: float) -> Iterator[str]:
    """Yield questions for this long, beginning with the first request; at least one."""
    until = trio.current_time() + seconds
    number = 0
    while not number or trio.current_time() < until:
        yield f"overhead {number}"
        number += 1


@contextmanager
def _open_loads(cells: Sequence[Cell], asked: Target) -> Iterator[list[Load[Exchange]]]:
    with ExitStack() as stack:
        loads: list[Load[Exchange]] = []
        for cell in cells:
            ask, path = partial(_ask, cell.kind), asked.path_of(cell.kind)
            load = open_load(ask, asked.address, cell.connections, path=path)
            loads.append(stack.enter_context(load))
        yield loads


async def _ask(kind: Kind, client: Client, question: str) -> Exchange:
    return await client.ask(kind.body(question))


async def _run_block(
    kind: Kind, load: Load[Exchange], questions: Iterator[str], run: Run, asked: Target
) -> None:
    """Send the requests; count the results after the clocks are read."""
    began = time.time()
    with run.spent.block(asked.processes_of(kind)):
        answered = await load.ask(questions)
    run.spans.append((began, time.time()))
    for _question, exchange in answered:
        run.add(kind, exchange)
