"""T: what `/ready` and health say is what a request meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from bench._errors import BenchError
from bench.attack._arena import Arena, Gateway, all_of, provider
from bench.attack._http import chat, exchange, get
from bench.attack._rows import Outcome, attack
from bench.attack._upstream import Call, Upstream, completion, fail, say

_SERVER = "[server]\nport = 0\n"
_PROBING = "[health]\ninterval_seconds = 0.3\n"
_NO_PROBES = "[health]\nprobe = false\n"


async def _agrees(gateway: Gateway) -> tuple[bool, str]:
    """Return whether `/ready` equals what a request gets, and both statuses."""
    answer = await exchange(gateway.address, chat("up/m"))
    ready = await get(gateway.address, "/ready")
    return (ready.status == 200) == (answer.status == 200), f"{ready.status}/{answer.status}"


def _corrupt(folder: Path) -> str:
    (folder / "omen.db").write_bytes(b"this is no database" * 500)
    return ""


def _directory(folder: Path) -> str:
    (folder / "omen.db").mkdir()
    return ""


def _unwritable(folder: Path) -> str:
    # Not by permissions: the run may be root's.
    return '[ledger]\nurl = "sqlite:/proc/omen.db"\nspool_path = "/proc/spool"\n'


async def _in_bad_books(arena: Arena, upstream: Upstream, spoil: Callable[[Path], str]) -> str:
    """Return what came of a fault of the database, which begins with `no` if it is wrong."""
    folder = arena.new_folder()
    config = _SERVER + spoil(folder) + provider("up", upstream.url)
    try:
        async with arena.gateway(config, folder=folder) as gateway:
            agrees, statuses = await _agrees(gateway)
            serves = statuses.endswith("200")
            return f"{'ok' if agrees and serves else 'no'} {statuses}"
    except BenchError as error:
        text = str(error)
        is_clear = "Traceback" not in text and "omen.db" in text
        return f"{'ok' if is_clear else 'no'} refuses to start"


@attack(
    "T1",
    done="the ledger's file is corrupt, a directory, or in a folder that cannot be written",
    before="every request 503 `keys_unknown`, `/ready` 200, the log says `DatabaseError`",
    wanted="`/ready` equals what a request gets: served, or a refusal to start that says why",
)
async def t1(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    ways = (_corrupt, _directory, _unwritable)
    came = await all_of([partial(_in_bad_books, arena, upstream, spoil) for spoil in ways])
    text = ", ".join(
        f"{way.__name__.strip('_')}: {what}" for way, what in zip(ways, came, strict=True)
    )
    return Outcome(f"`/ready`/request: {text}", all(what.startswith("ok") for what in came))


_REFUSALS: tuple[tuple[int, object], ...] = (
    (401, {"error": {"message": "bad key", "type": "authentication_error"}}),
    (402, {"error": {"message": "payment required", "type": "billing"}}),
    (403, {"error": {"message": "not for your project", "type": "permission"}}),
    (301, b""),
    (404, {"error": {"message": "no such model", "code": "model_not_found"}}),
)


@attack(
    "T2",
    done="one answer of 401, 402, 403, 301 or 404 for one model of the only provider",
    before="the provider is down, `/ready` 503, for 5 to 300 s",
    wanted="other models are served and `/ready` stays 200; that model is back ≤ 1 s"
    " after its cause",
)
async def t2(arena: Arena) -> Outcome:
    checks = [partial(_refused_once, arena, status, body) for status, body in _REFUSALS]
    wrong = list(filter(None, await all_of(checks)))
    text = "; ".join(wrong) or "all five: ready, served, back within 1 s"
    return Outcome(text, not wrong)


async def _refused_once(arena: Arena, status: int, body: object) -> str:
    """Return what is wrong after an answer of this status for one model; empty if nothing is."""
    upstream = await arena.upstream(bad=fail(status, body), m=say())
    config = _SERVER + _PROBING + provider("up", upstream.url, '["m", "bad"]')
    async with arena.gateway(config) as gateway:
        await exchange(gateway.address, chat("up/m"))
        for _ in range(3):
            await exchange(gateway.address, chat("up/bad"))
        ready = (await get(gateway.address, "/ready")).status
        other = (await exchange(gateway.address, chat("up/m"))).status
        upstream.replies["bad"] = say()
        await trio.sleep(1)
        back = (await exchange(gateway.address, chat("up/bad"))).status
    is_right = (ready, other, back) == (200, 200, 200)
    return "" if is_right else f"{status}: ready {ready}, other {other}, back {back}"


@attack(
    "T3",
    done="a list of models that is 403, 429, 401 or 500 while chats work",
    before="down for good; 12 of 12 answers from the fallback",
    wanted="12 of 12 from the provider: an answered chat outweighs a list",
)
async def t3(arena: Arena) -> Outcome:
    statuses = (403, 429, 401, 500)
    counts = await all_of([partial(_without_a_list, arena, status) for status in statuses])
    text = ", ".join(
        f"{status}: {count} of 12" for status, count in zip(statuses, counts, strict=True)
    )
    return Outcome(f"from the provider: {text}", all(count == 12 for count in counts))


async def _without_a_list(arena: Arena, status: int) -> int:
    """Return how many of 12 answers come from a provider whose list has this status."""
    no_list = fail(status, {"error": {"message": "no list for you"}})
    first = await arena.upstream(**{"/v1/models": no_list, "m": say()})
    second = await arena.upstream(m=say("the fallback answers with some words"))
    ups = provider("first", first.url) + provider("second", second.url)
    async with arena.gateway(_SERVER + _PROBING + ups) as gateway:
        await exchange(gateway.address, chat("first/m"))
        await trio.sleep(1)  # some probes
        for _ in range(12):
            await exchange(gateway.address, chat("first/m,second/m"))
    return first.calls["m"] - 1


@attack(
    "T4",
    done="three answers 429 with the words “slow down”",
    before="counts as overload: the endpoint is down and the client gets 503",
    wanted="a rate limit, whatever its words: 429 to the caller, and the provider is not down",
)
async def t4(arena: Arena) -> Outcome:
    body = {"error": {"message": "Slow down", "type": "slow_down", "code": "slow_down"}}
    upstream = await arena.upstream(m=fail(429, body), other=_answered)
    config = _SERVER + _NO_PROBES + provider("up", upstream.url, '["m", "other"]')
    statuses: Counter[int] = Counter()
    async with arena.gateway(config) as gateway:
        await exchange(gateway.address, chat("up/other"))
        for _ in range(3):
            statuses[(await exchange(gateway.address, chat("up/m"))).status] += 1
        state = (await get(gateway.address, "/status")).json["providers"]["up"]
        ready = (await get(gateway.address, "/ready")).status
        other = (await exchange(gateway.address, chat("up/other"))).status
    text = f"statuses {dict(statuses)}, provider {state}, ready {ready}, another model {other}"
    return Outcome(text, set(statuses) == {429} and state != "down" and ready == other == 200)


async def _answered(call: Call) -> None:
    await call.reply(200, completion())


ATTACKS = (t1, t2, t3, t4)
