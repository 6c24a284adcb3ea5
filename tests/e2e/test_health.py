"""Health as an operator meets it: an Ollama with three endpoints, and keys that are refused."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import openai
import pytest
import trio

from omen.config import HealthSettings, ProviderSettings
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import Silence
from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

QUICK = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=10)
ASK: Any = {"messages": [{"role": "user", "content": "hello"}]}


async def fetch(served: Served, path: str) -> dict[str, Any]:
    return dict((await trio.to_thread.run_sync(httpx.get, served.url + path)).json())


async def stand(served: Served, *states: str) -> None:
    """Wait until the endpoints stand like that: after every probe, of which each looks."""
    probed = trio.Event()
    tell = served.gateway.health.probed

    def seen(*args: Any) -> None:
        tell(*args)
        probed.set()

    served.gateway.health.probed = seen  # type: ignore[method-assign]
    while tuple(one.state for one in served.gateway.health.of("good")) != states:
        await probed.wait()
        probed = trio.Event()
    served.gateway.health.probed = tell  # type: ignore[method-assign]


async def test_an_ollama_with_one_endpoint_dead_and_one_hanging_answers_by_the_good_one() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    hanging = replace(
        upstream("hanging", "ollama"),
        profile=Profile(first_token=Fixed(0), faults=(Silence(1.0),), everywhere=True),
    )
    good = SimulatedUpstream("good", "ollama", QUICK, models=("m",))
    urls: dict[str, str] = {}

    def configure(provider: ProviderSettings) -> ProviderSettings:
        urls[provider.name] = provider.base_urls[0]
        if provider.name == "hanging":
            return replace(provider, models=())
        endpoints = (f"http://127.0.0.1:{port}", urls["hanging"], urls["good"])
        return replace(provider, base_urls=endpoints)

    def ask(client: openai.OpenAI) -> str | None:
        answer = client.chat.completions.create(model="good/m", **ASK)
        return answer.choices[0].message.content

    async with (
        open_served(
            hanging,
            good,
            configure=configure,
            first_token_timeout=2.0,
            health=HealthSettings(interval_seconds=0.05, timeout_seconds=2.0),
        ) as served,
        trio.open_nursery() as nursery,
    ):
        for _ in range(3):
            assert await served.call(ask) == whole("good")
        nursery.start_soon(served.gateway.keep_probing)
        await stand(served, "down", "down", "healthy")
        told = await fetch(served, "/omen/providers/good/health")
        dead, hangs, fine = told["endpoints"]
        assert (dead["reason"], hangs["reason"], fine["reason"]) == ("connection", "timeout", None)
        assert "running" in dead["hint"]
        assert await served.call(ask) == whole("good")

        back = SimulatedUpstream("back", "ollama", QUICK, models=("m",))
        await nursery.start(partial(back.serve, port=port))
        await stand(served, "healthy", "down", "healthy")
        texts = {await served.call(ask) for _ in range(2)}
        assert texts == {whole("back")}  # it is first again, as configured
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["openai", "anthropic", "azure", "xai"])
async def test_a_wrong_key_is_a_502_for_the_caller_and_a_hint_for_the_operator(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    up = SimulatedUpstream(kind, kind, QUICK, models=("m",), api_key="right")  # type: ignore[arg-type]
    secret = "sk-wrong-0123456789"

    def configure(provider: ProviderSettings) -> ProviderSettings:
        return replace(provider, api_key=secret)

    with caplog.at_level(logging.WARNING):
        async with open_served(up, configure=configure) as served:
            for _ in range(2):  # one refusal may be a caller's own doing
                with pytest.raises(openai.InternalServerError) as caught:
                    await served.call(lambda c: c.chat.completions.create(model="m", **ASK))
            told = await fetch(served, f"/omen/providers/{kind}/health")
            assert await fetch(served, "/ready") == {"status": "every provider is down"}
    assert caught.value.status_code == 502
    (endpoint,) = told["endpoints"]
    assert (told["state"], endpoint["reason"]) == ("down", "upstream_auth")
    assert "api_key" in endpoint["hint"]
    assert any("api_key" in line for line in caplog.messages)
    for text in (str(caught.value), json.dumps(told), *caplog.messages):
        assert secret not in text


async def test_a_wrong_deployment_is_told_to_caller_and_operator() -> None:
    up = SimulatedUpstream("azure", "azure", QUICK, models=("m",))
    async with open_served(up) as served:
        with pytest.raises(openai.NotFoundError, match="azure/nope"):
            await served.call(lambda c: c.chat.completions.create(model="azure/nope", **ASK))
        told = await fetch(served, "/omen/providers/azure/health")
        assert told["state"] == "unknown"  # its other deployments may be fine
