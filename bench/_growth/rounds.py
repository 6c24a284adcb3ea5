"""Two gateways that take turns, and what a request costs each of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from bench._client import Client, Exchange
from bench._doors.asker import Asker
from bench._growth.gateways import Grown
from bench._growth.sizes import Scene, Size
from bench._load import Load, open_load
from bench._machine import resident_kib, whole_cpu_seconds

AIM = 1.1
"""The cost of the large one, as a multiple of the small one's."""


@dataclass(slots=True)
class Cost:
    """What the requests of one gateway cost, round by round."""

    cpu_us: list[float] = field(default_factory=list)
    """Microseconds of processor time a request, of all threads."""
    body_bytes: int = 0
    start_seconds: float = 0.0
    resident_mib: float = 0.0


@dataclass(slots=True)
class Row:
    """A scene with its results."""

    scene: Scene
    small: Cost = field(default_factory=Cost)
    large: Cost = field(default_factory=Cost)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str:
        """What grew."""
        return self.scene.title

    @property
    def ratios(self) -> Sequence[float]:
        """The cost of the large one divided by the small one's, by round."""
        pairs = zip(self.small.cpu_us, self.large.cpu_us, strict=True)
        return [large / small for small, large in pairs]

    @property
    def allowed(self) -> float:
        """The largest ratio that meets the aim."""
        if not self.scene.per_byte:
            return AIM
        return AIM * self.large.body_bytes / max(self.small.body_bytes, 1)

    @property
    def met(self) -> bool:
        """Whether the aim is met by the median of the rounds."""
        return median(self.ratios) <= self.allowed


async def take_turns(
    row: Row, small: Grown, large: Grown, *, rounds: int, requests: int, connections: int
) -> None:
    """Let two gateways answer in turns; each answers as many requests in a round."""
    scene = row.scene
    sides = ((scene.small, small, row.small), (scene.large, large, row.large))
    with (
        _open(sides[0][0], small, connections) as small_load,
        _open(sides[1][0], large, connections) as large_load,
    ):
        loads = (small_load, large_load)
        for number in range(rounds + 1):
            for (_size, grown, cost), load in zip(sides, loads, strict=True):
                before = whole_cpu_seconds(grown.server.pid)
                _count(row, await load.ask(_questions(number, requests)))
                spent = whole_cpu_seconds(grown.server.pid) - before
                if number:  # the first round warms up
                    cost.cpu_us.append(spent / requests * 1e6)
    for size, grown, cost in sides:
        cost.body_bytes = len(size.body(0))
        cost.start_seconds = grown.start_seconds
        cost.resident_mib = resident_kib(grown.server.pid) / 1024


def _questions(number: int, requests: int) -> Iterator[str]:
    return (str(number * requests + question) for question in range(requests))


def _open(size: Size, grown: Grown, connections: int) -> AbstractContextManager[Load[Exchange]]:
    client = partial(Client, key=grown.key)
    return open_load(partial(_ask, size), grown.address, connections, client_class=client)


async def _ask(size: Size, client: Asker, question: str) -> Exchange:
    return await client.ask(size.body(int(question)))


def _count(row: Row, answered: Sequence[tuple[str, Exchange]]) -> None:
    for _question, exchange in answered:
        if exchange.failure or exchange.status != 200:
            row.failures[exchange.failure or f"status {exchange.status}"] += 1
        elif not json.loads(exchange.body)["choices"]:
            row.failures["an answer without a choice"] += 1
