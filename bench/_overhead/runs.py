"""Asks for a time: the cells of the table take turns in blocks."""

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
    """Who is asked, and whose times are read: `upstreams` are by their pace, the rest by name."""

    address: Address
    processes: Mapping[str, int]
    upstreams: Mapping[str, int]
    own_paths: bool = False
    """Whether each kind has a path of its own, after its name."""

    def processes_of(self, kind: Kind) -> dict[str, int]:
        """Name the processes that take part in a request of this kind."""
        upstream = self.upstreams.get(kind.pace.name)
        return {**self.processes, **({} if upstream is None else {"upstream": upstream})}

    def path_of(self, kind: Kind) -> str:
        """Say where a request of this kind goes."""
        return f"/{kind.name}" if self.own_paths else CHAT_PATH


async def run_cells(
    cells: Sequence[Cell],
    asked: Target,
    run_of: Callable[[Cell], Run],
    seconds_of: Callable[[Cell], float],
    *,
    rounds: int,
) -> None:
    """Ask in every cell for its time, in so many blocks, and count into the cell's run."""
    with _open_loads(cells, asked) as loads:
        for cell, load in zip(cells, loads, strict=True):
            await load.ask([f"warm up {number}" for number in range(cell.connections)])
        for _ in range(rounds):
            for cell, load in zip(cells, loads, strict=True):
                questions = questions_for(seconds_of(cell) / rounds)
                await _run_block(cell.kind, load, questions, run_of(cell), asked)


def questions_for(seconds: float) -> Iterator[str]:
    """Give questions for so long, from the first one on; at least that one."""
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
    """Ask, and count what came of it after the clocks have been read."""
    began = time.time()
    with run.spent.block(asked.processes_of(kind)):
        answered = await load.ask(questions)
    run.spans.append((began, time.time()))
    for _question, exchange in answered:
        run.add(kind, exchange)
