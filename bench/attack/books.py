"""B: no figure of an upstream, and no moment, makes the books untrue."""

from __future__ import annotations

import json
import signal
from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any

import trio

from bench.attack._arena import Arena, Gateway, all_of, price, provider, until
from bench.attack._http import chat, exchange, get, request, send_only
from bench.attack._rows import Outcome, attack
from bench.attack._upstream import Call, completion, piece, say

_SERVER = "[server]\nport = 0\n[health]\nprobe = false\n"
_BUDGET = "[routing]\nbudget_monthly_usd = 100.0\n"
_OPERATIONS = ("/status", "/admin/usage", "/metrics")


def _usage(prompt: object, generated: object) -> dict[str, object]:
    return {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": 1}


async def _with_usage(arena: Arena, *usages: dict[str, object]) -> tuple[str, bool]:
    """Return what the books are like after answers with these usages, and whether they are true."""
    replies = {f"m{number}": say(usage=usage) for number, usage in enumerate(usages)}
    upstream = await arena.upstream(**replies, fine=say())
    config = _SERVER + _BUDGET + provider("up", upstream.url, "")
    config += "".join(price("up", model) for model in (*replies, "fine"))
    async with arena.gateway(config) as gateway:
        first = [
            (await exchange(gateway.address, chat(f"up/{model}", max_tokens=50))).status
            for model in replies
        ]
        await until(lambda: len(gateway.rows("id")) >= len(replies))
        statuses = [(await get(gateway.address, path)).status for path in _OPERATIONS]
        later = (await exchange(gateway.address, chat("up/fine", max_tokens=50))).status
        rows = gateway.rows("cost_usd, provenance")
        spent = (await get(gateway.address, "/status")).json["budget"]["spent_usd"]
    async with arena.gateway(config, folder=gateway.folder) as again:
        later_still = (await exchange(again.address, chat("up/fine", max_tokens=50))).status
    costs = [Decimal(cost or 0) for cost, _ in rows]
    believed = sum(provenance == "exact" for _, provenance in rows[: len(replies)])
    is_true = (
        {*first, *statuses, later, later_still} == {200}
        and all(0 <= cost < Decimal("0.01") for cost in costs)
        and 0 <= spent < 0.01 * len(rows)
        and not believed
    )
    text = (
        f"answers {Counter(first)[200]}/{len(first)}, operations {statuses}, then {later}, after a"
        f" restart {later_still}; spent {spent:.6f} USD, {believed} believed"
    )
    return text, is_true


@attack(
    "B1",
    done="a priced upstream reports 10²⁶ tokens, more than the context, text, a fraction, a list",
    before="500; then `/status` and `/admin/usage` 500, every priced request 402 till the"
    " month ends",
    wanted="not believed, booked as estimated; requests, `/status` and a restart go on",
)
async def b1(arena: Arena) -> Outcome:
    text, is_true = await _with_usage(
        arena,
        _usage(10**26, 10**26),
        _usage(5, 10**9),
        _usage("many", "more"),
        _usage(0.5, 1e300),
        _usage([1], {"a": 1}),
        _usage(10, 10**7),
        _usage("NaN", "Infinity"),
    )
    return Outcome(text, is_true)


@attack(
    "B2",
    done="a priced upstream reports −500,000 tokens",
    before="cost −5 USD, spent −4.99993 USD",
    wanted="not believed, booked as estimated; nothing is given back",
)
async def b2(arena: Arena) -> Outcome:
    text, is_true = await _with_usage(arena, _usage(-500_000, 5), _usage(5, -500_000))
    return Outcome(text, is_true)


@attack(
    "B3",
    done="a key with a budget asks for `provider/any-name`, which has no price",
    before="200",
    wanted="402",
)
async def b3(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    config, folder = _SERVER + provider("up", upstream.url, "") + price("up"), arena.new_folder()
    (folder / "omen.toml").write_text(config)
    key = await arena.key(folder, "poor", "--monthly-usd", "1")
    async with arena.gateway(config, folder=folder) as gateway:
        unpriced = (
            await exchange(gateway.address, chat("up/any-name", key=key, max_tokens=50))
        ).status
        priced = (await exchange(gateway.address, chat("up/m", key=key, max_tokens=50))).status
    return Outcome(f"{unpriced}; a priced one {priced}", (unpriced, priced) == (402, 200))


_HIDDEN_TOKENS, _HIDDEN_SECONDS = 400, 0.8


async def _think(call: Call) -> None:
    """Answer after hidden reasoning, which only the usage at the end shows."""
    await call.begin()
    await call.event(piece({"role": "assistant", "content": ""}))
    await trio.sleep(_HIDDEN_SECONDS)
    await call.event(piece({"content": "The answer has some more words than five."}, "stop"))
    details = {"reasoning_tokens": _HIDDEN_TOKENS}
    usage = {**_usage(10, _HIDDEN_TOKENS + 10), "completion_tokens_details": details}
    await call.event({**piece({}), "choices": [], "usage": usage})
    await call.end()


@attack(
    "B4",
    done="a client leaves during hidden reasoning, after the model's pace is known",
    before="0.000001 USD, `at_least`",
    wanted="about what was generated by then: time × pace, within a factor of 3",
)
async def b4(arena: Arena) -> Outcome:
    upstream = await arena.upstream(o3=_think)
    config = _SERVER + provider("up", upstream.url, '["o3"]') + price("up", "o3", 1000.0)
    async with arena.gateway(config) as gateway:
        for _ in range(4):
            await exchange(gateway.address, chat("up/o3", stream=True, reasoning_effort="high"))
        stream = await send_only(
            gateway.address, chat("up/o3", stream=True, reasoning_effort="high")
        )
        await trio.sleep(_HIDDEN_SECONDS / 2)
        await stream.aclose()
        await until(lambda: len(gateway.rows("id")) >= 5)
        cost, provenance = gateway.rows("cost_usd, provenance")[-1]
    half = _HIDDEN_TOKENS / 2 * 1000 / 1e6
    text = f"{float(cost or 0):.6f} USD, `{provenance}`; by time × pace {half:.6f}"
    return Outcome(text, half / 3 <= float(cost or 0) <= half * 3)


@attack(
    "B5",
    done="`--tpm 200`, 30 requests of 60 tokens at once",
    before="all pass",
    wanted="at most 3 pass, the others 429",
)
async def b5(arena: Arena) -> Outcome:
    upstream = await arena.upstream(m=say(usage=_usage(30, 30), gap=0.3))
    config, folder = _SERVER + provider("up", upstream.url), arena.new_folder()
    (folder / "omen.toml").write_text(config)
    key = await arena.key(folder, "caller", "--tpm", "200")
    async with arena.gateway(config, folder=folder) as gateway:
        ask = partial(exchange, gateway.address, chat("up/m", "x" * 120, key=key, max_tokens=30))
        statuses = Counter(answer.status for answer in await all_of([ask] * 30))
    passed, refused = statuses[200], statuses[429]
    return Outcome(f"{passed} pass, {refused} are 429", 1 <= passed <= 3 and passed + refused == 30)


_EXITS, _CUT = 6, 5


async def _exit_twice(arena: Arena, upstream_url: str, pause: float) -> int:
    """Return how many rows are lacking after two signals, while streams flow."""
    config = _SERVER + provider("up", upstream_url)
    async with arena.gateway(config) as gateway:
        streams = [await send_only(gateway.address, chat("up/m", stream=True)) for _ in range(_CUT)]
        for stream in streams:
            with trio.move_on_after(5):
                await stream.receive_some()
        gateway.signal(signal.SIGTERM)
        await trio.sleep(0.2 + pause)
        gateway.signal(signal.SIGTERM)
        with trio.move_on_after(10):
            await gateway.process.wait()
        for stream in streams:
            await trio.aclose_forcefully(stream)
    return _CUT - len(gateway.rows("id"))


@attack(
    "B6",
    done=f"a second SIGTERM while {_CUT} streams flow, {_EXITS} times",
    before="what it cut off is not booked",
    wanted="0 rows lost",
)
async def b6(arena: Arena) -> Outcome:
    upstream = await arena.upstream(m=say(" ".join(["word"] * 400), gap=0.05))
    pauses = [number * 0.01 for number in range(_EXITS)]
    lost = await all_of([partial(_exit_twice, arena, upstream.url, pause) for pause in pauses])
    return Outcome(f"{sum(lost)} of {_EXITS * _CUT} rows lost", sum(lost) == 0)


async def _embed(call: Call) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
    usage = {"prompt_tokens": 13_000, "total_tokens": 13_000}
    await call.reply(200, {"object": "list", "data": data, "model": "e", "usage": usage})


@attack(
    "B7",
    done="embeddings worth 0.13 USD each until a budget of 0.90 refuses one, then a restart",
    before="rows without tokens or cost; after the restart the month is 0.0 and pays again",
    wanted="in the books like everything else: rows with tokens and cost, and the month kept",
)
async def b7(arena: Arena) -> Outcome:
    upstream = await arena.upstream(e=_embed)
    config = _SERVER + "[routing]\nbudget_monthly_usd = 0.90\n"
    config += provider("up", upstream.url, '["e"]') + price("up", "e")
    body = json.dumps({"model": "up/e", "input": "word " * 13_000}).encode()
    ask, passed = request("/v1/embeddings", body), 0
    async with arena.gateway(config) as gateway:
        while passed < 12 and (await exchange(gateway.address, ask)).status == 200:
            passed += 1
        await until(lambda: len(gateway.rows("id", "outcome != 'denied'")) >= passed)
        whole = gateway.rows("id", "prompt_tokens > 0 AND cost_usd IS NOT NULL")
    async with arena.gateway(config, folder=gateway.folder) as again:
        spent = (await get(again.address, "/status")).json["budget"]["spent_usd"]
        after = (await exchange(again.address, ask)).status
    text = f"{passed} paid, {len(whole)} rows whole; after a restart {spent:.2f} USD and {after}"
    is_kept = abs(spent - 0.13 * passed) < 0.01 and after == 402
    return Outcome(text, 0 < passed == len(whole) and is_kept)


async def _short(call: Call) -> None:
    if not call.body.get("stream"):
        await call.reply(200, completion("Yes.", _usage(5, 2)))
        return
    await call.begin()
    await call.event(piece({"content": "Yes."}, "stop"))
    await call.event({**piece({}), "choices": [], "usage": _usage(5, 2)})
    await call.end()


@attack(
    "B8",
    done="a race won by “Yes.”: the answer ends at its commit",
    before="the loser `running`, cost null; header 0.000627 USD, 300 ms later 0.09 USD",
    wanted="the header has the whole cost, or no cost: within 1 % of the rows a second later",
)
async def b8(arena: Arena) -> Outcome:
    quick = await arena.upstream(m=_short)
    slow = await arena.upstream(m=say(" ".join(["word"] * 200), gap=0.005))
    config = _SERVER + provider("quick", quick.url) + provider("slow", slow.url)
    config += price("quick", "m", 100.0) + price("slow", "m", 1000.0)
    race = {"strategy": "race", "k": 2, "explain": True, "min_useful_tokens": 1}
    words = "word " * 100
    wrong: list[str] = []
    async with arena.gateway(config) as gateway:
        for number, stream in enumerate((False, True)):
            data = chat("quick/m,slow/m", words, omen=race, stream=stream)
            answer = await exchange(gateway.address, data)
            await trio.sleep(1)
            cost = _reported_cost(answer.headers, answer.body)
            booked = _booked(gateway, number)
            if cost is not None and abs(cost - booked) > 0.01 * max(booked, 1e-9):
                wrong.append(
                    f"{'streamed' if stream else 'whole'}: reported {cost:.6f}, booked {booked:.6f}"
                )
    return Outcome("; ".join(wrong) or "reported and booked agree, whole and streamed", not wrong)


def _reported_cost(headers: dict[str, str], body: bytes) -> float | None:
    if "x-omen-cost-usd" in headers:
        return float(headers["x-omen-cost-usd"])
    for line in reversed(body.decode("utf-8", "replace").splitlines()):
        if '"cost_usd"' in line:
            report: Any = json.loads(line.removeprefix("data: ")).get("omen", {})
            cost = report.get("cost_usd")
            return None if cost is None else float(cost)
    return None


def _booked(gateway: Gateway, number: int) -> float:
    races = list(dict.fromkeys(race for (race,) in gateway.rows("race_id")))
    rows = gateway.rows("cost_usd", f"race_id = '{races[number]}'") if number < len(races) else []
    return sum(float(cost or 0) for (cost,) in rows)


ATTACKS = (b1, b2, b3, b4, b5, b6, b7, b8)
