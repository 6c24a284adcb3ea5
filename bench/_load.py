"""The load: so many workers, each with one connection, each asking again when it was answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Generic, TypeVar

import trio

from bench._chat import CHAT_PATH
from bench._client import Client
from bench._doors.asker import Asker
from bench._processes import Address

_REQUEST_TIMEOUT = 30.0
_RAMP_SECONDS = 0.25
"""Over which the workers of a block start. All at once they would queue behind one another in
lockstep, and the first requests of a block would measure that and nothing else."""

S = TypeVar("S")
T = TypeVar("T")
Ask = Callable[[Asker, str], Awaitable[T]]
"""Puts one question over one connection and tells what came of it."""


class Load(Generic[T]):
    """A closed loop of one way of asking. Its connections last from one block to the next.

    `most_per_second` bounds it where the loop itself does not: clients that leave early would
    come back so often that the gateway has more to do than it can.
    """

    def __init__(self, clients: Sequence[Asker], ask: Ask[T], most_per_second: float = inf) -> None:
        self._clients = clients
        self._ask = ask
        self._period = len(clients) / most_per_second

    async def ask(self, questions: Iterable[str]) -> list[tuple[str, T]]:
        """Ask every question once; return them as they were answered."""
        answered: list[tuple[str, T]] = []
        left = iter(questions)
        async with trio.open_nursery() as nursery:
            for position, client in enumerate(self._clients):
                delay = _RAMP_SECONDS * position / len(self._clients)
                nursery.start_soon(self._work, client, left, delay, answered)
        return answered

    async def _work(
        self,
        client: Asker,
        left: Iterator[str],
        delay: float,
        answered: list[tuple[str, T]],
    ) -> None:
        await trio.sleep(delay)
        for question in left:
            due = trio.current_time() + self._period
            answered.append((question, await self._ask(client, question)))
            if self._period:
                await trio.sleep_until(due)


def in_blocks(questions: Sequence[S], rounds: int) -> list[Sequence[S]]:
    """Deal the questions out, so that the ways of asking can take turns. No block is empty."""
    blocks = (questions[start::rounds] for start in range(rounds))
    return [block for block in blocks if block]


@contextmanager
def open_load(
    ask: Ask[T],
    address: Address,
    concurrency: int,
    *,
    path: str = CHAT_PATH,
    most_per_second: float = inf,
    client_class: Callable[..., Asker] = Client,
) -> Iterator[Load[T]]:
    """Make the clients of a load; leaving the block closes their connections."""
    with ExitStack() as stack:
        clients = [
            client_class(address.host, address.port, path, timeout=_REQUEST_TIMEOUT)
            for _ in range(concurrency)
        ]
        for client in clients:
            stack.callback(client.close)
        yield Load(clients, ask, most_per_second)
