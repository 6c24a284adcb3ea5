"""An upstream that repeats the gateway's key in an error: no door and no log shows it."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import AuthSettings, LedgerSettings, ProviderSettings, Settings
from omen.config.settings import HealthSettings, ServerSettings
from omen.core.secrets import MASK, redact
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.gateway import Gateway, open_gateway
from omen.telemetry import LiveFeed, redact_logs
from tests.front.client import piece, scope, talk

KEYS = ("local/key+7F3k&x=Q", "correct-horse-staple")
"""Without any prefix that a vendor is known by; and one without anything random."""
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
EXPLAIN = {"omen": {"explain": True}}
DOORS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": ASK,
    "/v1/completions": {"model": "m", "prompt": "hi"},
    "/v1/embeddings": {"model": "m", "input": "hi"},
    "/v1/messages": ASK,
    "/v1/responses": {"model": "m", "input": "hi"},
    "/api/chat": {**ASK, "stream": False},
    "/api/embed": {"model": "m", "input": "hi"},
}
Said = Callable[[str], bytes]


def fields(**more: Callable[[str], str]) -> Said:
    """An error in OpenAI's form, whose fields are made of the key."""

    def say(key: str) -> bytes:
        given = {"message": "no", "type": "invalid_request_error", "code": "bad", "param": None}
        return json.dumps({"error": {**given, **{n: f(key) for n, f in more.items()}}}).encode()

    return say


SAID: dict[str, Said] = {
    "message": fields(message=lambda key: f"the key {key} may not do that"),
    "code": fields(code=lambda key: key),
    "type": fields(type=lambda key: key),
    "param": fields(param=lambda key: key),
    "code and type and message": fields(code=str, type=str, message=str),
    "url-encoded": fields(message=lambda key: f"GET /?key={quote(key, safe='')}"),
    "basic": fields(message=lambda key: f"Basic {base64.b64encode(f':{key}'.encode()).decode()}"),
    "half in the code": fields(message=lambda key: f"no {key[:9]}", code=lambda key: key[9:]),
    "half in the type": fields(type=lambda key: key[:5], message=lambda key: f"{key[5:]} no"),
    "cut by the longest message": fields(message=lambda key: "a " * 245 + key),
    "another form": lambda key: json.dumps({"detail": [{"loc": [key], "msg": key}]}).encode(),
    "plain text": lambda key: key.encode(),
}


@asynccontextmanager
async def opened(
    key: str, answer: Callable[[httpx.Request], httpx.Response]
) -> AsyncIterator[tuple[App, Gateway, Settings]]:
    provider = ProviderSettings(
        name="up",
        kind="openai_compatible",
        base_urls=("http://up.test/v1",),
        models=("m",),
        api_key=key,
    )
    settings = Settings(providers={"up": provider}, health=HealthSettings(probe=False))
    async with open_gateway(settings, transport=httpx.MockTransport(answer)) as gateway:
        yield make_app(gateway, LiveFeed(), ServerSettings()), gateway, settings


async def ask(app: App, path: str, body: Any, method: str = "POST") -> tuple[int, str]:
    """Give the status, and all that came: headers and body."""
    asked = scope(path, method, [("content-type", "application/json")])
    heard = await talk(app, asked, (0, piece(json.dumps(body).encode())))
    return heard.status, f"{heard.headers} {heard.body.decode()}"


def shows(text: str, key: str) -> bool:
    return any(part in text for part in (key, quote(key, safe=""), key[:12], key[-12:]))


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500])
@pytest.mark.parametrize("say", SAID.values(), ids=SAID)
@pytest.mark.parametrize("key", KEYS)
async def test_no_door_shows_the_key(
    key: str, say: Said, status: int, autojump_clock: MockClock
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=say(key), headers={"x-request-id": f"req-{key}"})

    async with opened(key, answer) as (app, gateway, _):
        for path, body in DOORS.items():
            got, text = await ask(app, path, body)
            assert got >= 400
            assert not shows(text, key), (path, text)
        for path in ("/omen/providers", *(f"/omen/races/{race.race_id}" for race in gateway.races)):
            assert not shows((await ask(app, path, None, "GET"))[1], key)
        for race in gateway.races:
            for attempt in race.attempts:
                assert attempt.failure is not None
                told = f"{attempt.failure!r} {vars(attempt.failure)}"
                assert not shows(told, key)


class Pieces(httpx.AsyncByteStream):
    """A body in pieces, a second apart. A generator would have to be closed by its reader."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._left = list(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        await trio.sleep(1)
        return self._left.pop(0)


async def test_neither_does_an_error_in_the_middle_of_a_stream(autojump_clock: MockClock) -> None:
    key = KEYS[0]
    chunk = {"choices": [{"index": 0, "delta": {"content": "a whole sentence of visible text"}}]}
    failed = {"error": {"message": f"lost {key}", "code": key, "type": "x"}}

    pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in (chunk, failed)]

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, stream=Pieces(pieces), headers=headers)

    async with opened(key, answer) as (app, _, _):
        status, text = await ask(app, "/v1/chat/completions", {**ASK, **EXPLAIN, "stream": True})
    assert (status, "whole sentence" in text) == (200, True)
    assert '"error"' in text
    assert not shows(text, key)


async def test_a_key_that_was_replaced_at_a_reload_is_sought_as_well(
    autojump_clock: MockClock,
) -> None:
    old, new = KEYS

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": {"message": f"{old} became {new}"}})

    async with opened(old, answer) as (app, gateway, settings):
        provider = replace(settings.providers["up"], api_key=new)
        gateway.reload(replace(settings, providers={"up": provider}))
        _, text = await ask(app, "/v1/chat/completions", ASK)
    assert f"{MASK} became {MASK}" in text
    assert redact(f"{old} became {new}") == f"{old} became {new}"  # no gateway holds them any more


async def test_the_passwords_of_stores_and_the_admin_key_are_sought_too(
    autojump_clock: MockClock,
) -> None:
    settings = Settings(
        ledger=LedgerSettings(url="postgresql://omen:pg%2Fsecret1@db.test/omen"),
        auth=AuthSettings(admin_key="an-admin-key-1234"),
    )
    async with open_gateway(settings):
        told = redact("no pg%2Fsecret1, pg/secret1, an-admin-key-1234")
        assert told == f"no {MASK}, {MASK}, {MASK}"
        await trio.lowlevel.checkpoint()


async def test_log_lines_are_searched_when_they_are_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, handler = logging.getLogger(), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    before, root.handlers = root.handlers, [handler]
    try:
        redact_logs()
        redact_logs()  # once is enough
        async with opened(KEYS[0], lambda _: httpx.Response(500)):
            logging.getLogger("httpcore").warning("authorization: Bearer %s", KEYS[0])
            bug = ValueError(f"bad {KEYS[0]}")
            logging.getLogger("omen").error("failed", exc_info=bug)
    finally:
        root.handlers = before
    written = capsys.readouterr().err
    assert f"WARNING: authorization: Bearer {MASK}\n" in written
    assert f"ValueError: bad {MASK}\n" in written
    assert KEYS[0] not in written
