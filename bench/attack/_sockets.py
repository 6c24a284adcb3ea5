"""L4, L5: many sockets that do nothing, and many that are slow."""

from __future__ import annotations

import socket
from collections import Counter

import trio

from bench._processes import Address
from bench.attack._arena import Arena, Gateway, provider, until
from bench.attack._children import backend
from bench.attack._http import chat, exchange, get
from bench.attack._rows import Outcome, attack
from bench.attack._upstream import say
from omen.core.descriptors import limit

_SERVER = "[server]\nport = 0\n"
_QUIET = "[health]\nprobe = false\n"
_STRANGERS = 10_000
_FEW_FILES = 200
_ASKED = 30


def _connect(address: Address, count: int) -> list[socket.socket]:
    """Open this many connections from nine addresses of this machine; send nothing on them."""
    opened = []
    for number in range(count):
        own = (f"127.0.0.{1 + number % 9}", 0)
        try:
            opened.append(socket.create_connection((address.host, address.port), 5, own))
        except OSError:
            break
    return opened


async def _slowest(gateway: Gateway, data: bytes) -> tuple[float, Counter[int]]:
    answers = [await exchange(gateway.address, data) for _ in range(_ASKED)]
    return max(answer.seconds for answer in answers), Counter(a.status for a in answers)


async def _crowded(arena: Arena, url: str) -> tuple[str, bool]:
    """Return how keyed requests fare beside 10,000 strangers."""
    config, folder = _SERVER + _QUIET + provider("up", url), arena.new_folder()
    (folder / "omen.toml").write_text(config)
    key = await arena.key(folder, "caller")
    count = min(_STRANGERS, limit() - 500)
    async with arena.gateway(config, folder=folder) as gateway:
        data = chat("up/m", key=key)
        alone, _ = await _slowest(gateway, data)
        strangers = await trio.to_thread.run_sync(_connect, gateway.address, count)
        try:
            # The last strangers wait in the kernel until they are accepted, and so does this.
            await get(gateway.address, "/health")
            crowded, statuses = await _slowest(gateway, data)
            health = await get(gateway.address, "/health")
        finally:
            for stranger in strangers:
                stranger.close()
    more = crowded - alone
    text = (
        f"beside {len(strangers)} strangers {statuses[200]} of {_ASKED} served, slowest"
        f" {crowded * 1000:.0f} ms (alone {alone * 1000:.0f}), health"
        f" {health.seconds * 1000:.0f} ms"
    )
    is_served = statuses[200] == _ASKED and health.status == 200
    return text, is_served and (crowded <= 0.05 or more <= 0.05) and len(strangers) == count


async def _short_of_files(arena: Arena, url: str) -> tuple[str, bool]:
    """Return how requests fare with 200 open files, and 400 strangers."""
    config = _SERVER + "[health]\ninterval_seconds = 0.2\n" + provider("up", url)
    async with arena.gateway(config, limits=f"-n {_FEW_FILES}") as gateway:
        strangers = await trio.to_thread.run_sync(_connect, gateway.address, 2 * _FEW_FILES)
        await trio.sleep(0.2)
        _, statuses = await _slowest(gateway, chat("up/m"))
        status = (await get(gateway.address, "/status")).json or {}
        state = status.get("providers", {}).get("up")
        await until(lambda: len(gateway.rows("id")) >= _ASKED)
        rows, printed = len(gateway.rows("id")), len(_faults(gateway.printed))
        for stranger in strangers:
            stranger.close()
    text = (
        f"with {_FEW_FILES} files {statuses[200]} of {_ASKED} served, provider {state},"
        f" {rows} rows, {printed} bytes of log"
    )
    met = statuses[200] == _ASKED and state == "healthy" and rows == _ASKED and printed < 2000
    return text, met


def _faults(log: str) -> str:
    """Return the log without the lines of requests: each request has one, whatever happens."""
    lines = log.splitlines(keepends=True)
    return "".join(line for line in lines if " omen.requests: " not in line)


@attack(
    "L4",
    done=f"{_STRANGERS} idle sockets; {2 * _FEW_FILES} at a limit of {_FEW_FILES} open files",
    before="503 to everyone for up to 300 s, health too; the healthy provider down, the ledger"
    " away, 2.3 kB of traceback each 0.1 s",
    wanted="keyed requests slower by < 50 ms; health, provider, ledger and log untouched",
)
async def l4(arena: Arena) -> Outcome:
    upstream = await arena.upstream(m=say())
    crowded, is_served = await _crowded(arena, upstream.url)
    short, is_calm = await _short_of_files(arena, upstream.url)
    return Outcome(f"{crowded}; {short}", is_served and is_calm)


_STREAMS = 5000
_GAP = 5.0


async def _read(address: Address, data: bytes, whole: list[bool]) -> None:
    body = b""
    with trio.move_on_after(70):
        try:
            stream = await trio.open_tcp_stream(address.host, address.port)
            async with stream:
                await stream.send_all(data)
                while more := await stream.receive_some(65536):
                    body += more
        except (OSError, trio.BrokenResourceError):
            pass
    whole.append(b"data: [DONE]" in body and body.count(b"some more words") == 5)


@attack(
    "L5",
    done=f"`max_concurrency = 6000`, {_STREAMS} slow streams on one origin",
    before="3,000 of them 504 after 10 s: a hidden cap of 1,000, booked against the provider",
    wanted="100 % whole, < 60 KB each, given back afterwards",
)
async def l5(arena: Arena) -> Outcome:
    whole: list[bool] = []
    async with backend(gap=_GAP) as url:
        section = provider("up", url, '["slow"]', max_concurrency=6000)
        count = min(_STREAMS, limit() // 2 - 500)
        server = f"[server]\nport = 0\nmax_connections_per_address = {count + 100}\n"
        async with arena.gateway(server + _QUIET + section) as gateway:
            await exchange(gateway.address, chat("up/slow"), 40)
            before = most = gateway.rss()
            async with trio.open_nursery() as nursery:
                for number in range(count):
                    nursery.start_soon(_read, gateway.address, chat("up/slow", stream=True), whole)
                    if number % 20 == 19:
                        await trio.sleep(0.02)
                while len(whole) < count:
                    most = max(most, gateway.rss())
                    await trio.sleep(0.1)
            await trio.sleep(2)
            left = gateway.rss() - before
    each = (most - before) * 1024 / count
    text = f"{sum(whole)} of {count} whole, {each:.0f} KB each, {left:+.0f} MB afterwards"
    return Outcome(text, sum(whole) == count and each < 60 and left <= (most - before) / 3)
