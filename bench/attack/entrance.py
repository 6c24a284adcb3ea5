"""S: who gets in, what leaks, and what a name may do."""

from __future__ import annotations

import json
import stat
from itertools import product

import trio

from bench.attack._arena import Arena, Gateway, provider
from bench.attack._http import CHAT, Answer, chat, exchange, get, request
from bench.attack._names import s5
from bench.attack._rows import Outcome, attack
from bench.attack._upstream import Call, fail, piece

_SERVER = "[server]\nport = 0\n[health]\nprobe = false\n"
_UPGRADE = {
    "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


def _ways(port: int) -> list[tuple[str, bytes]]:
    """Return 30 requests that a page of another site can make a browser send."""
    names = ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0", "[::ffff:7f00:1]")
    ask = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
    ways: list[tuple[str, bytes]] = []
    for name in names[:4]:
        host = f"{name}:{port}"
        origin = {"origin": f"http://{host}"}
        ways += [
            (f"chat by {name}", request(CHAT, ask, origin, host=host)),
            (f"config by {name}", request("/admin/config", None, host=host)),
            (f"status by {name}", request("/status", None, host=host)),
            (f"clear by {name}", request("/cache/clear", b"", origin, host=host)),
            (f"websocket by {name}", request("/omen/ws", None, {**_UPGRADE, **origin}, host=host)),
        ]
    mine, theirs = f"127.0.0.1:{port}", {"origin": "http://evil.example"}
    simple = {**theirs, "content-type": "text/plain"}  # a form needs no preflight
    ways += [
        ("chat as a form", request(CHAT, ask, simple, host=mine)),
        ("clear as a form", request("/cache/clear", b"", simple, host=mine)),
        ("messages as a form", request("/v1/messages", ask, simple, host=mine)),
        ("ollama as a form", request("/api/chat", ask, simple, host=mine)),
        ("websocket of a page", request("/omen/ws", None, {**_UPGRADE, **theirs}, host=mine)),
        ("chat of a file", request(CHAT, ask, {"origin": "null"}, host=mine)),
        ("clear of a file", request("/cache/clear", b"", {"origin": "null"}, host=mine)),
        ("chat of another port", request(CHAT, ask, {"origin": "http://127.0.0.1:1"}, host=mine)),
        ("chat to an address", request(CHAT, ask, {"origin": "http://[::ffff:7f00:1]"}, host="0")),
        (
            "chat by fetch",
            request(CHAT, ask, {"sec-fetch-site": "cross-site", **simple}, host=mine),
        ),
    ]
    return ways


@attack(
    "S1",
    done="keyless: 30 requests of a browser's page of another site (DNS rebinding,"
    " forms, websockets)",
    before="`/admin/config`, chat and `/omen/ws` answer",
    wanted="0 of 30 succeed, and the owner's own requests do",
)
async def s1(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    async with arena.gateway(_SERVER + provider("up", upstream.url)) as gateway:
        open_ways = []
        for name, data in _ways(gateway.address.port):
            answer = await exchange(gateway.address, data, 5)
            if 0 < answer.status < 400:
                open_ways.append(name)
        own = await _own_requests(gateway)
    text = f"{len(open_ways)} of 30 succeed; own requests {own}"
    if open_ways:
        text += f" ({', '.join(open_ways[:4])} …)"
    return Outcome(text, not open_ways and own == [200, 200, 200])


async def _own_requests(gateway: Gateway) -> list[int]:
    """Return the statuses of what the owner of a keyless gateway does."""
    host = f"localhost:{gateway.address.port}"
    page = {"origin": f"http://{host}"}
    answers = [
        await exchange(gateway.address, chat("up/m")),
        await exchange(gateway.address, request("/admin/config", None, page, host=host)),
        await exchange(gateway.address, request("/health", None, host=host)),
    ]
    return [answer.status for answer in answers]


@attack(
    "S2",
    done="`POST /cache/clear` with the Origin of another site",
    before="200",
    wanted="403",
)
async def s2(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    async with arena.gateway(_SERVER + provider("up", upstream.url)) as gateway:
        host = f"127.0.0.1:{gateway.address.port}"
        theirs = {"origin": "https://evil.example"}
        answer = await exchange(gateway.address, request("/cache/clear", b"", theirs, host=host))
        own = await exchange(gateway.address, request("/cache/clear", b"", host=host))
    return Outcome(
        f"{answer.status}; without an Origin {own.status}",
        (answer.status, own.status) == (403, 200),
    )


_SIGNS = (
    "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    "x-forwarded-port", "x-forwarded-server", "x-real-ip", "cf-connecting-ip", "true-client-ip",
    "x-client-ip", "fastly-client-ip", "x-envoy-external-address", "cf-ray",
)  # fmt: skip


@attack(
    "S3",
    done=f"{len(_SIGNS)} headers that only a proxy sends, from this machine, to `/admin/config`",
    before="counts as local admin for `Via`, `CF-Connecting-IP`, `X-Forwarded-Proto`",
    wanted="none is the local admin; without a sign it is",
)
async def s3(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    admitted = []
    async with arena.gateway(_SERVER + provider("up", upstream.url)) as gateway:
        for sign in _SIGNS:
            data = request("/admin/config", None, {sign: "203.0.113.7"})
            if (await exchange(gateway.address, data)).status == 200:
                admitted.append(sign)
        direct = (await get(gateway.address, "/admin/config")).status
    text = f"{len(admitted)} of {len(_SIGNS)} admitted {' '.join(admitted)}; direct {direct}"
    return Outcome(text, not admitted and direct == 200)


_SECRET = "correcthorsebatterystaple0123"


def _echo(status: int, field: str) -> object:
    error = {"message": "refused", "type": "invalid", "code": "bad", "param": None}
    return fail(
        status, {"error": {**error, field: f"your key is {_SECRET}"}}, {"x-request-id": _SECRET}
    )


async def _echo_in_stream(call: Call) -> None:
    await call.begin()
    await call.event(piece({"content": "This is an answer that has well begun and "}))
    await call.event({"error": {"message": f"your key {_SECRET} ran out", "code": _SECRET}})
    await call.end()


@attack(
    "S4",
    done="an upstream echoes OMEN's key in errors (400, 404, 422, 429, 500; message,"
    " type, code) and in a stream",
    before="it reaches the caller when it lacks a known prefix",
    wanted="in no answer, no header and no log line",
)
async def s4(arena: Arena) -> Outcome:
    fields = product((400, 404, 422, 429, 500), ("message", "type", "code", "param"))
    replies = {f"{field}{status}": _echo(status, field) for status, field in fields}
    upstream = await arena.upstream(**replies, stream=_echo_in_stream)  # type: ignore[arg-type]
    config = _SERVER + provider("up", upstream.url, "", api_key=f'"{_SECRET}"')
    async with arena.gateway(config, "-v") as gateway:
        leaks = []
        for model in (*replies, "stream"):
            data = chat(f"up/{model}", stream=model == "stream")
            answer = await exchange(gateway.address, data)
            if _leaks(answer):
                leaks.append(model)
        logged = gateway.printed.count(_SECRET)
    count = len(replies) + 1
    return Outcome(f"{len(leaks)} of {count} answers, {logged} log lines", not leaks and not logged)


def _leaks(answer: Answer) -> bool:
    return _SECRET in answer.text or any(_SECRET in value for value in answer.headers.values())


@attack(
    "S6",
    done="`-v`, with newlines and ESC in a model's name, a session, and an upstream's error",
    before="forged log lines",
    wanted="escaped in every log",
)
async def s6(arena: Arena) -> Outcome:
    forged = "\n2026-01-01 00:00:00 ERROR omen: forged\x1b[31m\r\x9b\u2028x"
    upstream = await arena.upstream(
        **{"": fail(500, {"error": {"message": forged, "code": forged}})}
    )
    async with arena.gateway(_SERVER + provider("up", upstream.url, ""), "-v") as gateway:
        for more in ({}, {"omen": {"session_id": forged}}, {"user": forged}):
            await exchange(gateway.address, chat(f"up/m{forged}", headers={}, **more))
        await trio.sleep(0.2)
        printed = gateway.printed
    lines = sum(line.startswith("2026-01-01 00:00:00") for line in printed.splitlines())
    escapes = sum(printed.count(mark) for mark in ("\x1b", "\x9b", "\r"))
    return Outcome(f"{lines} forged lines, {escapes} control characters", lines == escapes == 0)


def _framed(first: bytes, *lines: bytes, end: bytes = b"\r\n", rest: bytes = b"") -> bytes:
    return end.join([first, b"host: 127.0.0.1", *lines, b"connection: close", b"", b""]) + rest


_GET, _POST = b"GET /health HTTP/1.1", b"POST /health HTTP/1.1"
_FRAMINGS: tuple[tuple[str, bytes, tuple[int, ...]], ...] = (
    (
        "both lengths",
        _framed(_POST, b"content-length: 3", b"transfer-encoding: chunked", rest=b"0\r\n\r\n"),
        (400,),
    ),
    ("obs-fold", _framed(_GET, b"x: a", b" b"), (400,)),
    ("bare LF", _framed(_GET, end=b"\n"), (400,)),
    ("HTTP/9.9", _framed(b"GET /health HTTP/9.9"), (400, 505)),
    ("leading CRLF", b"\r\n\r\n" + _framed(_GET), (200,)),
    ("two hosts", _framed(_GET, b"host: x"), (400,)),
    ("two lengths", _framed(_POST, b"content-length: 1", b"content-length: 2", rest=b"xx"), (400,)),
    ("space before a colon", _framed(_GET, b"x : y"), (400,)),
)


@attack(
    "S7",
    done="Content-Length with Transfer-Encoding, obs-fold, bare LF, HTTP/9.9, blank"
    " lines first, and siblings",
    before="accepted four times; blank lines before a request 400",
    wanted="RFC 9112: refused or closed; leading CRLF ignored",
)
async def s7(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    wrong = []
    async with arena.gateway(_SERVER + provider("up", upstream.url)) as gateway:
        for name, data, right in _FRAMINGS:
            status = (await exchange(gateway.address, data, 3)).status
            if status not in right and not (status == 0 and 200 not in right):
                wrong.append(f"{name}: {status}")
    return Outcome("; ".join(wrong) or f"all {len(_FRAMINGS)} right", not wrong)


@attack(
    "S8",
    done="a key without rights reads `/status`; counts tokens beyond its `--rpm 3`; the"
    " ledger's file",
    before="the gateway's total spend; not limited; 0644",
    wanted="no spend for it; 429; 0600",
)
async def s8(arena: Arena) -> Outcome:
    upstream = await arena.upstream()
    config, folder = _SERVER + provider("up", upstream.url), arena.new_folder()
    (folder / "omen.toml").write_text(config)
    key = await arena.key(folder, "caller", "--rpm", "3")
    async with arena.gateway(config, folder=folder) as gateway:
        status = (await get(gateway.address, "/status", key)).json or {}
        spent = (status.get("budget") or {}).get("spent_usd")
        body = json.dumps(
            {"model": "up/m", "messages": [{"role": "user", "content": "x"}]}
        ).encode()
        own = {"authorization": f"Bearer {key}"}
        count = request("/v1/messages/count_tokens", body, own)
        statuses = [(await exchange(gateway.address, count)).status for _ in range(5)]
        mode = stat.S_IMODE((folder / "omen.db").stat().st_mode)
    text = f"spend {'hidden' if spent is None else 'shown'}; statuses {statuses}; {mode:04o}"
    return Outcome(text, spent is None and 429 in statuses and mode == 0o600)


ATTACKS = (s1, s2, s3, s4, s5, s6, s7, s8)
