"""The load: so many workers, each with one connection, each asking again when it was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import trio

from bench._client import Client, Exchange
from bench._processes import Address
from bench._variants import PATH, Variant

_REQUEST_TIMEOUT = 30.0
_RAMP_SECONDS = 0.25
"""Over which the workers of a block start. All at once they would queue behind one another in
lockstep, and the first requests of a block would measure that and nothing else."""


class Load:
    """A closed loop over one variant. Its connections last from one block to the next."""

    def __init__(self, variant: Variant, clients: Sequence[Client]) -> None:
        self.variant = variant
        self._clients = clients

    async def ask(self, questions: Sequence[str]) -> list[tuple[str, Exchange]]:
        """Ask every question once; return them as they were answered."""
        answered: list[tuple[str, Exchange]] = []
        left = iter(questions)
        async with trio.open_nursery() as nursery:
            for position, client in enumerate(self._clients):
                delay = _RAMP_SECONDS * position / len(self._clients)
                nursery.start_soon(self._work, client, left, delay, answered)
        return answered

    async def _work(
        self,
        client: Client,
        left: Iterator[str],
        delay: float,
        answered: list[tuple[str, Exchange]],
    ) -> None:
        await trio.sleep(delay)
        for question in left:
            answered.append((question, await client.ask(self.variant.body(question))))


@contextmanager
def open_load(variant: Variant, address: Address, concurrency: int) -> Iterator[Load]:
    """Make the clients of a load; leaving the block closes their connections."""
    with ExitStack() as stack:
        clients = [
            Client(address.host, address.port, PATH, timeout=_REQUEST_TIMEOUT)
            for _ in range(concurrency)
        ]
        for client in clients:
            stack.callback(client.close)
        yield Load(variant, clients)
