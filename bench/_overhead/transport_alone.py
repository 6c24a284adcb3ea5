"""The cost of the transport alone: it is driven in this process."""

from __future__ import annotations

import time

import trio

from bench._chat import CHAT_PATH, chat_body
from bench._overhead.runs import questions_for
from bench._processes import Address
from omen.core.frames import WireRequest
from omen.wire.transport import Transport
from omen.wire.upstream import open_response


async def transport_us(address: Address, connections: int, seconds: float) -> float:
    """Send requests to an upstream for a while; return this thread's microseconds per request.

    Answers are read to their ends and not parsed.
    """
    async with Transport() as transport:
        await _ask_for(transport, address, connections, 0.0)  # warm up: connect
        before = time.thread_time()
        count = await _ask_for(transport, address, connections, seconds)
        return (time.thread_time() - before) / count * 1e6


async def _ask_for(transport: Transport, address: Address, connections: int, seconds: float) -> int:
    questions = questions_for(seconds)
    count = 0

    async def work() -> None:
        nonlocal count
        for question in questions:
            await _exchange(transport, address, question)
            count += 1

    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(work)
    return count


async def _exchange(transport: Transport, address: Address, question: str) -> None:
    headers = {"content-type": "application/json"}
    request = WireRequest("POST", address.url + CHAT_PATH, headers, chat_body(question))
    async with open_response(transport, request) as response:
        while await response.receive():
            pass
