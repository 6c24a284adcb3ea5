"""L: overload, large bodies, many sockets, floods and endless answers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from bench._machine import whole_cpu_seconds
from bench._processes import Address
from bench.attack._arena import Arena, Gateway, provider, until
from bench.attack._children import backend, load
from bench.attack._floods import l7
from bench.attack._http import chat, exchange, get
from bench.attack._large import l2, l3, l8
from bench.attack._rows import Outcome, attack
from bench.attack._sockets import l4, l5
from bench.attack._upstream import say

_SERVER = "[server]\nport = 0\n[health]\nprobe = false\n"
_REQUEST = chat("up/m").replace(b"connection: close\r\n", b"")
_SECONDS = 3.0


@dataclass(slots=True)
class _Loaded:
    """What came of a load, and of `/health` meanwhile. Times are in seconds."""

    goodput: float
    p99: float
    statuses: Counter[int]
    unhelpful: int
    """Refusals without `retry-after`, and requests without an answer."""
    health: float
    control: float
    cpu: float

    @property
    def is_healthy(self) -> bool:
        return self.health <= 0.05 + self.control


async def _under(gateway: Gateway, upstream: Address, **options: float) -> _Loaded:
    """Send a load; meanwhile ask for `/health`, and as a control something of the upstream."""
    health: list[float] = []
    control: list[float] = []
    before = whole_cpu_seconds(gateway.pid)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_ask, gateway.address, "/health", health)
        nursery.start_soon(_ask, upstream, "/v1/models", control)
        result = await load(gateway.address, _REQUEST, **options)
        nursery.cancel_scope.cancel()
    latencies: dict[str, list[float]] = result["latencies"]
    statuses = Counter({int(status): len(times) for status, times in latencies.items()})
    in_time = sum(at <= options["seconds"] for at in result["finished"])
    accepted = sorted(latencies.get("200", [])) or [10.0]
    return _Loaded(
        goodput=in_time / options["seconds"],
        p99=accepted[int(0.99 * (len(accepted) - 1))],
        statuses=statuses,
        unhelpful=result["without_retry_after"] + result["late"],
        health=max(health, default=10.0),
        control=max(control, default=0.0),
        cpu=whole_cpu_seconds(gateway.pid) - before,
    )


async def _ask(address: Address, path: str, seen: list[float]) -> None:
    await trio.sleep(0.7)  # the load's process starts
    while True:
        answer = await get(address, path)
        seen.append(answer.seconds if answer.status == 200 else 10.0)
        await trio.sleep(0.05)


@attack(
    "L1",
    done="open-loop arrivals at 2 and 10 times the peak, upstream 50 ms",
    before="nothing refused; at ×2 p50 0.5 s, at ×5 12,072 of 15,728 without an answer in 8 s;"
    " median `/health` over 3 s",
    wanted="goodput ≥ 95 % of the peak, p99 ≤ 2 × unloaded + 50 ms, refusals with `retry-after`,"
    " `/health` ≤ 50 ms beyond the machine's own; normal within 1 s",
)
async def l1(arena: Arena) -> Outcome:
    async with backend() as url, arena.gateway(_SERVER + provider("up", url)) as gateway:
        under: Any = partial(_under, gateway, Address("127.0.0.1", int(url.split(":")[2][:-3])))
        await under(seconds=1.0, connections=32)  # warm up
        calm = await under(seconds=1.5, connections=4)
        peak = await under(seconds=_SECONDS, connections=64)
        bound = 2 * calm.p99 + 0.05
        wrong, figures = [], [f"peak {peak.goodput:.0f}/s, unloaded p99 {calm.p99 * 1000:.0f} ms"]
        for factor in (2, 10):
            rate = factor * max(peak.goodput, 1.0)
            here = await under(seconds=_SECONDS, connections=1000, rate=rate)
            figures.append(_figures(factor, here, peak))
            goods = here.goodput >= 0.95 * peak.goodput and here.p99 <= bound
            if not goods or not here.is_healthy or here.unhelpful:
                wrong.append(factor)
        await trio.sleep(1)
        after = await under(seconds=1.0, connections=4)
        figures.append(f"afterwards p99 {after.p99 * 1000:.0f} ms")
        is_normal = after.p99 <= bound
    return Outcome("; ".join(figures), not wrong and is_normal)


def _figures(factor: int, here: _Loaded, peak: _Loaded) -> str:
    refused = here.statuses[429] + here.statuses[503]
    answered = sum(peak.statuses.values()) or 1
    refusal = (here.cpu - here.statuses[200] * peak.cpu / answered) / max(refused, 1)
    cost = f", {max(refusal, 0) * 1e6:.0f} µs each" if refused else ""
    return (
        f"×{factor}: goodput {100 * here.goodput / max(peak.goodput, 1):.0f} %,"
        f" p99 {here.p99 * 1000:.0f} ms, {refused} refused{cost}, {here.unhelpful} without help,"
        f" health ≤ {here.health * 1000:.0f} ms (machine {here.control * 1000:.0f})"
    )


@attack(
    "L6",
    done="five requests at once at `max_concurrency = 1`",
    before="instant 503",
    wanted="a bounded queue (`queue_seconds`), first come first served, seen in `/metrics`",
)
async def l6(arena: Arena) -> Outcome:
    upstream = await arena.upstream(m=say(gap=0.1))
    section = provider("up", upstream.url, max_concurrency=1, queue_seconds=10)
    ended: list[int] = []
    statuses: Counter[int] = Counter()
    async with arena.gateway(_SERVER + section) as gateway, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            await trio.sleep(number * 0.05)
            answer = await exchange(gateway.address, chat("up/m"))
            statuses[answer.status] += 1
            ended.append(number)

        for number in range(5):
            nursery.start_soon(ask, number)
        await trio.sleep(0.4)
        scraped = (await get(gateway.address, "/metrics")).text
        waits = re.findall(r"^omen_\S*(?:queue|wait)\S* [1-9]\S*$", scraped, re.M)
        await until(lambda: len(ended) == 5, 10)
    order = "in order" if ended == sorted(ended) else f"in the order {ended}"
    text = f"{statuses[200]} of 5 answered, {order}; {'seen' if waits else 'not seen'} in metrics"
    return Outcome(text, statuses[200] == 5 and ended == sorted(ended) and bool(waits))


ATTACKS = (l1, l2, l3, l4, l5, l6, l7, l8)
