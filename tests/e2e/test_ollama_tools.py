"""The calls of Ollama's command and of Open WebUI, in the order in which they make them.

**Source.** github.com/ollama/ollama cmd/cmd.go and api/client.go; github.com/open-webui/open-webui
backend/open_webui/routers/ollama.py and openai.py; read 2026-12-01. `HEAD /` is tested elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio

from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

FLEET = (
    upstream("quick", "ollama", first_token=0.0, gap=0.0),
    upstream("slow", "openai", first_token=30.0),
)
RACE = {"x-omen-strategy": "race", "x-omen-k": "2"}
WORDS = [{"role": "user", "content": "hi"}]
REFUSALS: list[tuple[str, str, Any]] = [
    ("POST", "/api/pull", {"model": "llama3", "name": "llama3"}),
    ("POST", "/api/push", {"model": "llama3"}),
    ("POST", "/api/create", {"model": "mine", "from": "m"}),
    ("POST", "/api/copy", {"source": "m", "destination": "mine"}),
    ("DELETE", "/api/delete", {"model": "m"}),
    ("POST", f"/api/blobs/sha256:{'0' * 64}", b"x" * 300_000),
    ("POST", "/api/me", None),
    ("POST", "/api/signout", None),
]


async def with_client(served: Served, work: Callable[[httpx.Client], None]) -> None:
    def run() -> None:
        with httpx.Client(base_url=served.url, headers=RACE, timeout=30) as client:
            work(client)

    await trio.to_thread.run_sync(run)
    await served.assert_nothing_left()


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def run_chat(client: httpx.Client) -> None:
    """`ollama run m`: show, load, chat by lines."""
    shown = client.post("/api/show", json={"model": "m"}).json()
    assert "completion" in shown["capabilities"]
    loaded = lines(client.post("/api/generate", json={"model": "m"}))
    assert (loaded[-1]["done"], loaded[-1]["done_reason"]) == (True, "load")
    told = lines(client.post("/api/chat", json={"model": "m", "messages": WORDS}))
    assert "".join(line["message"]["content"] for line in told) == whole("quick")
    stopped = lines(client.post("/api/generate", json={"model": "m", "keep_alive": 0}))
    assert stopped[-1]["done_reason"] == "unload"


def list_models(client: httpx.Client) -> None:
    """`ollama list`, `ollama ps`, `ollama -v`."""
    assert {m["name"] for m in client.get("/api/tags").json()["models"]} >= {"m"}
    assert client.get("/api/ps").json() == {"models": []}
    assert client.get("/api/version").json()["version"]


def open_webui(client: httpx.Client) -> None:
    """Open WebUI: one connection as Ollama, and one as OpenAI whose URL has no `/v1`."""
    assert client.get("/api/version").status_code == 200
    (model, *_) = [m["model"] for m in client.get("/api/tags").json()["models"] if m["name"] == "m"]
    client.get("/api/ps").raise_for_status()
    asked = {"model": model, "messages": WORDS, "stream": True, "options": {"temperature": 0.5}}
    told = lines(client.post("/api/chat", json={**asked, "keep_alive": "5m"}))
    assert told[-1]["done"]
    titled = client.post("/api/chat", json={**asked, "stream": False}).json()
    assert titled["message"]["content"] == whole("quick")
    for root in ("/v1", ""):
        assert "m" in {m["id"] for m in client.get(f"{root}/models").json()["data"]}
        body = {"model": "m", "messages": WORDS, "stream": True}
        answer = client.post(f"{root}/chat/completions", json=body)
        assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("calls", [run_chat, list_models, open_webui])
async def test_the_calls_of_a_tool_succeed(calls: Callable[[httpx.Client], None]) -> None:
    async with open_served(*FLEET) as served:
        await with_client(served, calls)


async def test_what_manages_files_is_refused_in_words_and_the_connection_stays() -> None:
    def refused(client: httpx.Client) -> None:
        for method, path, body in REFUSALS:
            sent = {"content": body} if isinstance(body, bytes) else {"json": body}
            answer = client.request(method, path, **sent)
            assert answer.status_code == 501, path
            assert list(answer.json()) == ["error"], path
            assert answer.json()["error"].startswith("OMEN is a gateway"), path
        assert client.head(f"/api/blobs/sha256:{'0' * 64}").status_code >= 400
        assert lines(client.post("/api/chat", json={"model": "m", "messages": WORDS}))[-1]["done"]

    async with open_served(*FLEET) as served:
        await with_client(served, refused)


async def test_head_is_answered_wherever_get_is() -> None:
    paths = [
        "/api/tags", "/api/ps", "/api/version", "/v1/models", "/v1/models/m", "/models", "/health",
        "/ready", "/status", "/metrics", "/openapi.json", "/omen/providers", "/omen/races",
        "/omen/attempts", "/admin/usage", "/admin/config", "/cache/stats",
    ]  # fmt: skip

    def heads(client: httpx.Client) -> None:
        for path in paths:
            get, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (get.status_code, b""), path
            assert head.headers["content-type"] == get.headers["content-type"], path

    async with open_served(*FLEET) as served:
        await with_client(served, heads)
