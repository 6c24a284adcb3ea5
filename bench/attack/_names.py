"""S5: names that callers choose must not fill the memory or the ledger."""

from __future__ import annotations

from functools import partial

from bench.attack._arena import Arena, Gateway, provider
from bench.attack._blast import Load, blast
from bench.attack._http import chat, exchange
from bench.attack._rows import Outcome, attack
from bench.attack._upstream import fail

_CONFIG = "[server]\nport = 0\n[health]\nprobe = false\n"
_LARGE = 160
_DISTINCT = 3000


@attack(
    "S5",
    done=f"{_LARGE} requests with model names of 1 MB, {_DISTINCT} with distinct names;"
    f" one of 100 KB",
    before="RSS 107 → 438 MB, `omen.db` 172 MB (with 100,000 names); the 100 KB name"
    " comes back as a header",
    wanted="RSS within 20 MB, the ledger within 16 MB, no long name in a header",
)
async def s5(arena: Arena) -> Outcome:
    missing = {"error": {"message": "no such model", "code": "model_not_found"}}
    upstream = await arena.upstream(**{"": fail(404, missing)})
    async with arena.gateway(_CONFIG + provider("up", upstream.url, "")) as gateway:
        await _ask(gateway, 500, "warm")
        before = gateway.rss()
        for number in range(_LARGE):
            await exchange(gateway.address, chat(f"up/{number}{'x' * 1_000_000}"))
        answer = await exchange(gateway.address, chat(f"up/{'y' * 100_000}"))
        longest = max((len(value) for value in answer.headers.values()), default=0)
        await _ask(gateway, _DISTINCT, "name")
        grown = gateway.rss() - before
        files = sum(path.stat().st_size for path in gateway.folder.glob("omen.db*")) / 1e6
    text = f"RSS +{grown:.0f} MB, ledger {files:.1f} MB, longest header {longest} bytes"
    return Outcome(text, grown <= 20 and files <= 16 and longest <= 1024)


async def _ask(gateway: Gateway, count: int, word: str) -> None:
    make = partial(_request, word)
    await blast(Load(gateway.address, make, count=count, connections=32))


def _request(word: str, number: int) -> bytes:
    data = chat(f"up/{word}-{number}")
    return data.replace(b"connection: close\r\n", b"")
