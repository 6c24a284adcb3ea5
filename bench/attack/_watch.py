"""An innocent client in a process of its own, which reads a steady stream while others attack.

It is its own upstream: 20 tokens a second through the gateway, and the same directly. What the
stream stands still beyond the direct one is the gateway's doing, not the machine's. Beside it, it
asks for `/health` again and again. It stops, and prints what it saw, when its standard input ends.
"""

from __future__ import annotations

import json
import sys
import time

import trio

from bench._processes import Address
from bench.attack._http import chat, get
from bench.attack._upstream import Call, Upstream, piece

GAP = 0.05


async def _drip(call: Call) -> None:
    await call.begin()
    while True:
        await call.event(piece({"content": "word "}))
        await trio.sleep(GAP)


class _Pauses:
    def __init__(self) -> None:
        self.longest = 0.0
        self.reads = 0

    async def read(self, address: Address, data: bytes) -> None:
        """Read a stream until cancelled; note its longest pause beyond the usual gap."""
        stream = await trio.open_tcp_stream(address.host, address.port)
        async with stream:
            await stream.send_all(data)
            last = 0.0
            while await stream.receive_some():
                now = time.perf_counter()
                self.reads += 1
                if last and self.reads > 5:  # what comes first is the opening, not the stream
                    self.longest = max(self.longest, now - last - GAP)
                last = now


async def _ask_health(address: Address, seen: list[float]) -> None:
    while True:
        answer = await get(address, "/health")
        seen.append(answer.seconds if answer.status == 200 else 10.0)
        await trio.sleep(0.02)


async def watch() -> None:
    """Print the upstream's port, read the gateway's, and watch until the standard input ends."""
    upstream = Upstream({"drip": _drip})
    through, direct, health = _Pauses(), _Pauses(), list[float]()
    async with trio.open_nursery() as nursery:
        await nursery.start(upstream.serve)
        print(json.dumps({"port": upstream.port}), flush=True)
        line = await trio.to_thread.run_sync(sys.stdin.readline)
        gateway = Address("127.0.0.1", int(line))
        own = Address("127.0.0.1", upstream.port)
        nursery.start_soon(through.read, gateway, chat("watched/drip", stream=True))
        nursery.start_soon(direct.read, own, chat("drip", stream=True))
        nursery.start_soon(_ask_health, gateway, health)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()
    figures = {"pause": through.longest, "direct": direct.longest, "reads": through.reads}
    print(json.dumps({**figures, "health": max(health, default=10.0)}), flush=True)


if __name__ == "__main__":
    trio.run(watch)
