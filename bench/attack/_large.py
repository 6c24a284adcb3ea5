"""L2, L3, L8: large bodies and answers, and who else pays for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

import trio

from bench.attack._arena import Arena, Gateway, all_of, provider
from bench.attack._children import watcher
from bench.attack._http import CHAT, chat, exchange, request
from bench.attack._rows import Outcome, attack
from bench.attack._upstream import Call, piece, say

_SERVER = "[server]\nport = 0\n[health]\nprobe = false\n"
_CALLS = 100_000
_PATIENCE = 10.0
"""How long each request may take: the whole run is bounded."""


def _body(content: object = "x", messages: object = None) -> bytes:
    one = [{"role": "user", "content": content}]
    return json.dumps({"model": "up/m", "messages": one if messages is None else messages}).encode()


def _bodies() -> Iterable[tuple[str, bytes]]:
    part = {"type": "text", "text": ""}
    yield "1.2 million parts", _body([part] * 1_200_000).replace(b": ", b":").replace(b", ", b",")
    yield "300,000 parts", _body([part] * 300_000)
    yield "100,000 messages", _body(messages=[{"role": "user", "content": "x"}] * 100_000)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    tools = {"model": "up/m", "messages": [{"role": "user", "content": "x"}]}
    yield "100,000 tools", json.dumps({**tools, "tools": [tool] * 100_000}).encode()
    yield "a nest", _body([[[[[{}]]]]]).replace(b"{}", b"[" * 50_000 + b"]" * 50_000)


async def _many_calls(call: Call) -> None:
    """Answer with more tool calls than anybody wants."""
    await call.begin()
    function = {"name": "f", "arguments": "{}"}
    for start in range(0, _CALLS, 500):
        pieces = [
            {"tool_calls": [{"index": n, "id": f"c{n}", "type": "function", "function": function}]}
            for n in range(start, start + 500)
        ]
        data = b"".join(b"data: " + json.dumps(piece(p)).encode() + b"\n\n" for p in pieces)
        await call.stream.send_all(data)
    await call.event(piece({}, "tool_calls"))
    await call.end()


@attack(
    "L2",
    done="31 MB of 1.2 million empty parts; 300,000 parts; 100,000 messages; 100,000 tools; a nest"
    " of 50,000; an upstream's 100,000 tool calls",
    before="another client's 20/s stream stood still for 11.4 s, 2.4 s, 1.1 s, 13.9 s",
    wanted="no other stream stands still > 50 ms beyond the machine's own; clear 400, 413"
    " or failure",
)
async def l2(arena: Arena) -> Outcome:
    upstream = await arena.upstream(m=say(), calls=_many_calls)
    statuses = []
    async with watcher() as innocent:
        config = _SERVER + provider("up", upstream.url, '["m", "calls"]') + innocent.section
        bodies = [(name, request(CHAT, body)) for name, body in _bodies()]
        async with arena.gateway(config) as gateway, innocent.watching(gateway.address) as seen:
            for name, data in bodies:
                answer = await exchange(gateway.address, data, _PATIENCE)
                statuses.append(f"{name} {answer.status}")
            for stream in (True, False):
                answer = await exchange(gateway.address, chat("up/calls", stream=stream), _PATIENCE)
                statuses.append(f"calls {answer.status}")
    return Outcome(f"stands still {seen}; {', '.join(statuses)}", not seen.is_still)


@attack(
    "L3",
    done="a 25 MB image in a body, at every door",
    before="other streams stand still 285–459 ms",
    wanted="as L2",
)
async def l3(arena: Arena) -> Outcome:
    image = "A" * 25_000_000
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}
    source = {"type": "base64", "media_type": "image/png", "data": image}
    block = {"type": "image", "source": source}
    item = {"type": "input_image", "image_url": url["image_url"]["url"]}  # type: ignore[index]
    words = {"role": "user", "content": "x", "images": [image]}
    doors = (
        (CHAT, {"messages": [{"role": "user", "content": [url]}]}),
        ("/v1/messages", {"messages": [{"role": "user", "content": [block]}], "max_tokens": 9}),
        ("/v1/responses", {"input": [{"role": "user", "content": [item]}]}),
        ("/api/chat", {"messages": [words], "stream": False}),
    )
    data = [request(path, json.dumps({"model": "up/m", **body}).encode()) for path, body in doors]
    upstream = await arena.upstream(m=say())
    async with watcher() as innocent:
        config = _SERVER + provider("up", upstream.url) + innocent.section
        async with arena.gateway(config) as gateway, innocent.watching(gateway.address) as seen:
            answers = [await exchange(gateway.address, one, 20) for one in data]
    statuses = [answer.status for answer in answers]
    return Outcome(f"stands still {seen}; statuses {statuses}", not seen.is_still)


_ENDLESS_SECONDS = 8.0
_IN_FLIGHT_MB = 64
_BUDGET_MB, _LEFT_MB = 4 * _IN_FLIGHT_MB, 64
"""What is held of a body counts once; read, it is there as text and as the bytes to send, too."""


async def _endless(call: Call) -> None:
    event = b"data: " + json.dumps(piece({"content": "word " * 2000})).encode() + b"\n\n"
    await call.begin()
    with suppress(trio.BrokenResourceError):
        while True:
            await call.stream.send_all(event * 10)


async def _sample(rss: Callable[[], float], seen: list[float]) -> None:
    while True:
        seen.append(rss())
        await trio.sleep(0.05)


@attack(
    "L8",
    done=f"four plain clients of an endless upstream, for {_ENDLESS_SECONDS:g} s; twelve"
    f" bodies of 20 MB at once",
    before="107 → 429 MB in 6 s (one client); +120 MB (six bodies)",
    wanted=f"one byte budget ({_IN_FLIGHT_MB} MB here): never more than {_BUDGET_MB} MB more,"
    f" {_LEFT_MB} MB 2 s afterwards",
)
async def l8(arena: Arena) -> Outcome:
    upstream = await arena.upstream(m=say(gap=0.5), endless=_endless)
    budget = f"[server]\nport = 0\nmax_bytes_in_flight = {_IN_FLIGHT_MB * 1024 * 1024}\n"
    config = _SERVER.replace("[server]\nport = 0\n", budget)
    config += provider("up", upstream.url, '["m", "endless"]')
    body = request(CHAT, _body("x" * 20_000_000))
    seen: list[float] = []
    async with arena.gateway(config) as gateway, trio.open_nursery() as nursery:
        await exchange(gateway.address, chat("up/m"))
        before = gateway.rss()
        nursery.start_soon(_sample, gateway.rss, seen)
        endless = await _at_once(gateway, chat("up/endless"), 4, _ENDLESS_SECONDS)
        after_endless = max(seen) - before
        large = await _at_once(gateway, body, 12, 15.0)
        await trio.sleep(2)
        left = gateway.rss() - before
        nursery.cancel_scope.cancel()
    most = max(seen) - before
    text = (
        f"+{after_endless:.0f} MB by endless answers (statuses {endless}), +{most:.0f} MB in all;"
        f" bodies {large}; {left:+.0f} MB left"
    )
    return Outcome(text, most <= _BUDGET_MB and left <= _LEFT_MB)


async def _at_once(gateway: Gateway, data: bytes, count: int, seconds: float) -> list[int]:
    answers = await all_of([partial(exchange, gateway.address, data, seconds)] * count)
    return sorted(answer.status for answer in answers)
