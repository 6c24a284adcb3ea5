"""The load: workers with one connection each. Each sends its next request after an answer."""

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
"""The time over which the workers of a block start. If all started at once, they would queue behind
one another in lockstep, and the first requests of a block would measure only that."""

S = TypeVar("S")
T = TypeVar("T")
Ask = Callable[[Asker, str], Awaitable[T]]
"""Sends one question over one connection and returns the result."""


class Load(Generic[T]):
    """A closed loop of one kind of request. Its connections stay open from one block to the next.

    `most_per_second` bounds the rate where the loop itself does not: clients that leave early would
    otherwise return so often that they overload the gateway.
    """

    def __init__(self, clients: Sequence[Asker], ask: Ask[T], most_per_second: float = inf) -> None:
        self._clients = clients
        self._ask = ask
        self._period = len(clients) / most_per_second

    async def ask(self, questions: Iterable[str]) -> list[tuple[str, T]]:
        """Send every question once; return the results in the order of the answers."""
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
    """Split the questions into blocks, so that the variants can take turns. No block is empty."""
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
    """Open the clients of a load; leaving the block closes their connections."""
    with ExitStack() as stack:
        clients = [
            client_class(address.host, address.port, path, timeout=_REQUEST_TIMEOUT)
            for _ in range(concurrency)
        ]
        for client in clients:
            stack.callback(client.close)
        yield Load(clients, ask, most_per_second)
