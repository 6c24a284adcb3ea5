"""The requests of an attacker: within the limit of bytes, or answered by a hostile upstream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench._isolation.upstream import ANSWERS

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attack:
    """One request. `body` makes its bytes."""

    name: str
    path: str
    body: Callable[[], bytes]


def _listed(before: bytes, item: bytes, count: int, behind: bytes) -> Callable[[], bytes]:
    return lambda: before + b",".join([item] * count) + behind


_CHAT = b'{"model":"quick","messages":['
_USER = b'{"role":"user","content":"x"}'
_PARTS = _CHAT + b'{"role":"user","content":['
_TEXT = b'{"type":"text","text":""}'


def _picture() -> bytes:
    return b"QUJD" * (25 * _MB // 4)


def _escapes() -> bytes:
    return b"\\u4e16\\n" * (31 * _MB // 8)


def _requests() -> Iterator[Attack]:
    chat, messages = "/v1/chat/completions", "/v1/messages"
    yield Attack("1,200,000 parts", chat, _listed(_PARTS, _TEXT, 1_200_000, b"]}]}"))
    yield Attack("300,000 parts", chat, _listed(_PARTS, _TEXT, 300_000, b"]}]}"))
    yield Attack("20,000 parts", chat, _listed(_PARTS, _TEXT, 20_000, b"]}]}"))
    yield Attack("100,000 messages", chat, _listed(_CHAT, _USER, 100_000, b"]}"))
    yield Attack("10,000 messages", chat, _listed(_CHAT, _USER, 10_000, b"]}"))
    yield Attack("50,000 mistakes", chat, _listed(_PARTS, b'{"type":"text"}', 50_000, b"]}]}"))
    numbers = _CHAT + _USER + b'],"x":['
    yield Attack("350,000 numbers", chat, _listed(numbers, b"0.1234567", 340_000, b"]}"))
    names = b",".join(b'"k%d":0' % n for n in range(300_000))
    yield Attack("300,000 names", chat, lambda: _CHAT + _USER + b'],"x":{' + names + b"}}")
    url = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,'
    yield Attack("25 MB picture", chat, lambda: _PARTS + url + _picture() + b'"}}]}]}')
    source = b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"'
    begun = b'{"max_tokens":5,' + _PARTS[1:]
    yield Attack("25 MB picture", messages, lambda: begun + source + _picture() + b'"}}]}]}')
    yield Attack(
        "25 MB picture",
        messages + "/count_tokens",
        lambda: _PARTS + source + _picture() + b'"}}]}]}',
    )
    yield Attack(
        "31 MB of escapes",
        chat,
        lambda: _CHAT + b'{"role":"user","content":"' + _escapes() + b'"}]}',
    )
    yield Attack(
        "31 MB of escapes",
        "/v1/responses",
        lambda: b'{"model":"quick","input":"' + _escapes() + b'"}',
    )
    yield Attack(
        "31 MB of escapes",
        "/api/chat",
        lambda: _CHAT + b'{"role":"user","content":"' + _escapes() + b'"}]}',
    )
    short = b'{"role":"user","content":"' + b"\\n" * 120 + b'"}'
    yield Attack("9,000 short texts", chat, _listed(_CHAT, short, 9_000, b"]}"))
    ids = b'{"model":"embed","input":['
    yield Attack("300,000 token ids", "/v1/embeddings", _listed(ids, b"12345", 300_000, b"]}"))
    yield Attack("20,000 texts", "/v1/embeddings", _listed(ids, b'"text"', 20_000, b"]}"))


def _asked(path: str, model: str, *, stream: bool) -> Attack:
    said: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
    if path == "/v1/responses":
        said = {"input": "x"}
    content = json.dumps({"model": model, "max_tokens": 9, "stream": stream, **said}).encode()
    return Attack(f"answer: {model}{'' if stream else ', whole'}", path, partial(bytes, content))


def _answers() -> Iterator[Attack]:
    for stream in (True, False):
        for model in ANSWERS:
            yield _asked("/v1/chat/completions", model, stream=stream)
        for path in ("/v1/messages", "/v1/responses", "/api/chat"):
            yield _asked(path, "tokens", stream=stream)


def attacks() -> list[Attack]:
    """Return all attacks, in the order in which they are made."""
    return [*_requests(), *_answers()]
