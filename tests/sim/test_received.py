"""What an upstream was sent is there for tests to look at, and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import StreamStats
from omen.sim.http import HttpRequest
from omen.sim.received import ReceivedRequests
from tests.sim.asking import QUESTION, serving
from tests.sim.naive import NaiveClient, connect

SECRETS = ("Authorization: Bearer sk-1", "x-api-key: sk-2", "api-key: sk-3")


def visited(kind: str, nursery: trio.Nursery) -> tuple[NaiveClient, StreamStats]:
    stats = StreamStats()
    return connect(serving(kind), nursery, stats), stats


@pytest.mark.parametrize(
    ("kind", "method", "path"),
    [
        ("openai", "POST", "/v1/chat/completions"),
        ("openai", "POST", "/v1/responses"),
        ("openai", "POST", "/v1/embeddings"),
        ("openai", "GET", "/v1/models"),
        ("azure", "POST", "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        ("xai", "GET", "/v1/language-models"),
        ("anthropic", "POST", "/v1/messages?beta=true"),
        ("anthropic", "POST", "/v1/messages/count_tokens"),
        ("ollama", "GET", "/api/tags"),
        ("ollama", "POST", "/api/show"),
        ("ollama", "GET", "/nowhere?at=all"),
    ],
)
async def test_every_request_is_kept_with_its_query_and_body_whatever_became_of_it(
    kind: str,
    method: str,
    path: str,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    client, stats = visited(kind, nursery)
    body = {"model": "omen-demo", "messages": QUESTION, "odd": [1]} if method == "POST" else None
    await client.ask(method, path, body, "X-Odd: yes")
    (request,) = stats.requests
    assert (request.method, request.path, request.body) == (method, path, body)
    assert request.headers["x-odd"] == "yes"


async def test_keys_are_not_kept_nor_shown(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client, stats = visited("openai", nursery)
    body = {"model": "omen-demo", "messages": [{"role": "user", "content": "a secret"}]}
    await client.ask("POST", "/v1/chat/completions", body, *SECRETS)
    request = stats.requests[-1]
    assert "sk-" not in str(request.headers)
    assert "secret" not in repr(request)
    assert "secret" not in repr(stats)


async def test_the_control_routes_are_not_among_them_and_tell_nothing_of_them(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client, stats = visited("openai", nursery)
    body = {"model": "omen-demo", "messages": [{"role": "user", "content": "a secret"}]}
    await client.ask("POST", "/v1/chat/completions", body)
    told = await client.ask("GET", "/sim/stats")
    assert b"secret" not in told.body
    assert len(stats.requests) == 1
    await client.ask("POST", "/sim/reset")
    assert len(stats.requests) == 0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_none(content: bytes) -> None:
    kept = ReceivedRequests(3)
    kept.add(HttpRequest("POST", "/", body=content))
    assert kept[0].body is None
    assert kept[0].content == content


def test_only_the_latest_are_kept() -> None:
    kept = ReceivedRequests(3)
    for number in range(5):
        kept.add(HttpRequest("GET", f"/{number}"))
    assert [request.path for request in kept] == ["/2", "/3", "/4"]
    assert (len(kept), kept[0].path, kept[-1].path) == (3, "/2", "/4")


def test_large_bodies_push_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omen.sim.received._MOST_BYTES", 100)
    kept = ReceivedRequests(10)
    sizes: list[Any] = [40, 40, 40, 400, 0]
    seen = []
    for size in sizes:
        kept.add(HttpRequest("POST", "/", body=b"x" * size))
        seen.append([len(request.content) for request in kept])
    assert seen == [[40], [40, 40], [40, 40], [400], [0]]
    kept.clear()
    assert len(kept) == 0
