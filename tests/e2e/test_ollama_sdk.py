"""The official ollama client against OMEN, over sockets, with candidates of every kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import ollama
import pytest
import trio

from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import MidstreamError, Status
from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

T = TypeVar("T")
KINDS = ("openai", "anthropic", "ollama", "azure", "xai")
ASK = [{"role": "user", "content": "hi"}]
RACE = {"x-omen-strategy": "race", "x-omen-k": "3"}
FLEET = (
    upstream("fast", "ollama", first_token=0.01, gap=0.0),
    upstream("slow", "anthropic", first_token=9.0),
    upstream("slower", "openai", first_token=9.0),
)


def quick(kind: str) -> SimulatedUpstream:
    return upstream("up", kind, first_token=0.0, gap=0.0, tokens=10)


async def call(served: Served, work: Callable[[ollama.Client], T], **headers: str) -> T:
    def run() -> T:
        client = ollama.Client(host=served.url, headers=headers)
        try:
            return work(client)
        finally:
            client._client.close()

    return await trio.to_thread.run_sync(run)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_chat_streamed_and_whole(kind: str) -> None:
    async with open_served(quick(kind)) as served:
        answer = await call(served, lambda c: c.chat(model="m", messages=ASK))
        assert answer.message.content == whole("up")
        assert (answer.done, answer.done_reason) == (True, "stop")
        assert (answer.eval_count or 0) > 0
        parts = await call(served, lambda c: list(c.chat(model="m", messages=ASK, stream=True)))
        assert "".join(p.message.content or "" for p in parts) == whole("up")
        assert [p.done for p in parts].count(True) == 1
        assert parts[-1].done
        await served.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_prompt_streamed_and_whole(kind: str) -> None:
    async with open_served(quick(kind)) as served:
        answer = await call(served, lambda c: c.generate(model="m", prompt="hi", system="be"))
        assert answer.response == whole("up")
        parts = await call(served, lambda c: list(c.generate(model="m", prompt="hi", stream=True)))
        assert "".join(p.response for p in parts) == whole("up")


async def test_a_race_by_headers_and_by_the_body() -> None:
    async with open_served(*FLEET) as served:
        answer = await call(served, lambda c: c.chat(model="m", messages=ASK), **RACE)
        assert answer.message.content == whole("fast")
        (race,) = served.gateway.races
        assert len(race.attempts) == 3
        body = {
            "model": "m",
            "messages": ASK,
            "omen": {"strategy": "race", "k": 2, "explain": True},
        }
        told = await post(served, "/api/chat", {**body, "stream": False})
        assert told.json()["omen"]["winner"] == "fast/m"
        assert told.headers["x-omen-provider"] == "fast"
        streamed = await post(served, "/api/chat", body)
        assert streamed.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in streamed.text.splitlines()]
        assert "omen" in lines[-1]
        assert all("omen" not in line for line in lines[:-1])
        await served.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_is_called_and_its_result_understood(kind: str) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "?",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    async with open_served(quick(kind)) as served:
        for stream in (False, True):
            asked: dict[str, Any] = {"model": "m", "messages": ASK, "tools": [tool]}
            found = await call(served, lambda c, a=asked, s=stream: _calls(c, a, stream=s))
            assert [call.function.name for call in found] == ["get_weather"]
            assert isinstance(found[0].function.arguments, dict)
            # As the client's own examples do it: without any id, by the tool's name.
            history = [
                *ASK,
                {"role": "assistant", "tool_calls": [{"function": dict(found[0].function)}]},
                {"role": "tool", "tool_name": "get_weather", "content": "rain"},
            ]
            answer = await call(served, lambda c, h=history: c.chat(model="m", messages=h))
            assert answer.message.content == whole("up")


def _calls(client: ollama.Client, asked: dict[str, Any], *, stream: bool) -> list[Any]:
    if not stream:
        return list(client.chat(**asked).message.tool_calls or ())
    parts = client.chat(**asked, stream=True)
    return [call for part in parts for call in part.message.tool_calls or ()]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_result_whose_call_was_not_kept_is_understood_all_the_same(kind: str) -> None:
    history = [*ASK, {"role": "tool", "tool_name": "get_weather", "content": "rain"}]
    async with open_served(quick(kind)) as served:
        answer = await call(served, lambda c: c.chat(model="m", messages=history))
        assert answer.message.content == whole("up")


async def test_models_are_listed_and_shown() -> None:
    async with open_served(*FLEET) as served:
        listed = await call(served, lambda c: c.list())
        assert {"m", "fast/m", "slow/m"} <= {model.model for model in listed.models}
        shown = await call(served, lambda c: c.show("fast/m"))
        assert "completion" in (shown.capabilities or ())
        assert (await call(served, lambda c: c.show("m:latest"))).capabilities
        with pytest.raises(ollama.ResponseError, match="not found") as missing:
            await call(served, lambda c: c.show("nothing"))
        assert missing.value.status_code == 404
        version = await get(served, "/api/version")
        assert version.json()["version"].count(".") == 2


async def test_texts_are_embedded_in_the_new_way_and_in_the_old() -> None:
    profile = Profile(first_token=Fixed(0), gap=Fixed(0))
    up = SimulatedUpstream("up", "openai", profile, models=("e",))
    async with open_served(up) as served:
        two = await call(served, lambda c: c.embed(model="e", input=["one", "two"]))
        assert len(two.embeddings) == 2
        one = await call(served, lambda c: c.embed(model="e:latest", input="one"))
        assert one.embeddings[0] == two.embeddings[0]
        old = await call(served, lambda c: c.embeddings(model="e", prompt="one"))
        assert old.embedding == two.embeddings[0]


async def test_errors_are_a_sentence_with_a_status() -> None:
    broken = SimulatedUpstream(
        "broken", "openai", Profile(faults=(Status(1.0, status=503),)), models=("m",)
    )
    async with open_served(broken) as served:
        for model, status, words in (("m", 503, "broken/m"), ("none", 404, "none")):
            with pytest.raises(ollama.ResponseError, match=words) as told:
                await call(served, lambda c, m=model: c.chat(model=m, messages=ASK))
            assert told.value.status_code == status
        told_of = await post(served, "/api/chat", {"model": "m", "messages": [{"role": "x"}]})
        assert told_of.status_code == 400
        assert "messages.0.role" in told_of.json()["error"]
        assert (await get(served, "/api/nothing")).json() == {"error": "Not Found"}


async def test_an_answer_that_dies_ends_with_an_error_the_client_raises() -> None:
    broken = MidstreamError(1.0, after_tokens=20)
    profile = Profile(first_token=Fixed(0), gap=Fixed(0.01), tokens=30, faults=(broken,))
    dying = SimulatedUpstream("dying", "openai", profile, models=("m",))
    async with open_served(dying) as served:
        heard: list[str] = []

        def read(client: ollama.Client) -> None:
            for part in client.chat(model="m", messages=ASK, stream=True):
                heard.append(part.message.content or "")

        with pytest.raises(ollama.ResponseError):
            await call(served, read)
        assert whole("dying", 30).startswith("".join(heard))
        assert heard


async def test_who_only_wants_a_model_loaded_is_told_that_it_is() -> None:
    async with open_served(*FLEET) as served:
        answer = await call(served, lambda c: c.chat(model="m", messages=[]))
        assert answer.done_reason == "load"
        answer = await call(served, lambda c: c.generate(model="m", prompt="", keep_alive=0))
        assert answer.done_reason == "unload"
        assert list(served.gateway.races) == []


async def test_a_picture_goes_along() -> None:
    dot = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
    async with open_served(quick("openai")) as served:
        ask = [{"role": "user", "content": "what is this?", "images": [dot]}]
        answer = await call(served, lambda c: c.chat(model="m", messages=ask))
        assert answer.message.content == whole("up")


async def post(served: Served, path: str, body: dict[str, Any]) -> httpx.Response:
    return await trio.to_thread.run_sync(
        lambda: httpx.post(served.url + path, json=body, timeout=30)
    )


async def get(served: Served, path: str) -> httpx.Response:
    return await trio.to_thread.run_sync(lambda: httpx.get(served.url + path, timeout=30))


async def test_a_body_is_json_whatever_it_says_unless_another_sites_page_sends_it() -> None:
    """`curl -d` says that it sends a form; a page that may send forms anywhere says so, too."""
    body = json.dumps({"model": "m", "messages": ASK, "stream": False})
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with open_served(*FLEET) as served:

        def send(**headers: str) -> int:
            url = served.url + "/api/chat"
            return httpx.post(
                url, content=body, headers={**form, **headers}, timeout=30
            ).status_code

        assert await trio.to_thread.run_sync(send) == 200
        assert await trio.to_thread.run_sync(lambda: send(origin=served.url)) == 200
        assert await trio.to_thread.run_sync(lambda: send(origin="http://evil.example")) == 403
