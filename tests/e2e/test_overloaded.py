"""What the callers of every door are told by a gateway that has no time for them."""

from __future__ import annotations

import time
from typing import Any

import anthropic
import grpc
import httpx
import ollama
import openai
import pytest
import trio
import trio_websocket

from omen.admission import Aims, Controller, OverloadedError
from tests.e2e.grpc_served import Stub, ask, call
from tests.e2e.served import open_served
from tests.serving.harness import read_until
from tests.serving.hostile import UPGRADE
from tests.world import upstream

UP = upstream("openai", first_token=0.01, gap=0.001, tokens=3)
WORDS = "more requests than it can answer in time"


class AtTheDoor(Controller):
    """Refuses every request from its head."""

    def __init__(self) -> None:
        super().__init__(Aims(), time.perf_counter)

    def may_come(self, flow: int, *, early: bool = False) -> bool:
        self._note_refusal(time.perf_counter())
        return False


class AfterWaiting(Controller):
    """Lets every request in, and refuses it in the queue."""

    def __init__(self) -> None:
        super().__init__(Aims(), time.perf_counter)

    def offer(self, flow: int) -> Any:
        raise OverloadedError


both = pytest.mark.parametrize("make", [AtTheDoor, AfterWaiting])


@both
async def test_openai_s_sdk_hears_503_and_when_to_come_back(make: type[Controller]) -> None:
    async with open_served(UP, admission=make()) as served:

        def work(client: openai.OpenAI) -> openai.APIStatusError:
            with pytest.raises(openai.InternalServerError) as refused:
                client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "hi"}]
                )
            return refused.value

        error = await served.call(work)
        assert (error.status_code, error.code) == (503, "overloaded")
        assert WORDS in error.message
        assert error.response.headers["retry-after"] == "1"
        assert served.stats["openai"].started == 0


@both
async def test_anthropic_s_sdk_hears_overloaded(make: type[Controller]) -> None:
    async with open_served(UP, admission=make()) as served:

        def work() -> anthropic.APIStatusError:
            client = anthropic.Anthropic(base_url=served.url, api_key="x", max_retries=0)
            with client, pytest.raises(anthropic.APIStatusError) as refused:
                client.messages.create(
                    model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
                )
            return refused.value

        error = await trio.to_thread.run_sync(work)
        assert error.status_code == 529
        assert error.body["error"]["type"] == "overloaded_error"  # type: ignore[index]
        assert error.response.headers["retry-after"] == "1"


@both
async def test_ollama_s_client_hears_503(make: type[Controller]) -> None:
    async with open_served(UP, admission=make()) as served:

        def work() -> ollama.ResponseError:
            with pytest.raises(ollama.ResponseError) as refused:
                with ollama.Client(served.url) as client:
                    client.chat("m", [{"role": "user", "content": "hi"}])
            return refused.value

        error = await trio.to_thread.run_sync(work)
        assert error.status_code == 503
        assert WORDS in error.error


@both
async def test_a_grpc_call_ends_as_unavailable(make: type[Controller]) -> None:
    async with open_served(UP, admission=make()) as served:

        def work(stub: Stub) -> Any:
            with pytest.raises(grpc.RpcError) as refused:
                stub.ChatCompletion(ask("m"))
            return refused.value

        error = await call(served, work)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert WORDS in error.details()
        assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"


@both
async def test_a_websocket_is_refused_in_its_handshake(make: type[Controller]) -> None:
    async with open_served(UP, admission=make()) as served:
        stream = await served.connect()
        await stream.send_all(UPGRADE.replace(b"/ws", b"/omen/ws"))
        answer = await read_until(stream, b"}}")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in answer
        assert WORDS.encode() in answer


@both
async def test_operations_routes_answer_all_the_same(make: type[Controller]) -> None:
    async with open_served(UP, admission=make()) as served, httpx.AsyncClient() as client:
        await client.get(f"{served.url}/v1/models")
        for path, status in (("/health", 200), ("/metrics", 200), ("/status", 200)):
            assert (await client.get(served.url + path)).status_code == status
        assert (await client.get(f"{served.url}/v1/models")).status_code == 503


async def test_a_request_on_an_open_websocket_ends_with_an_error() -> None:
    controller = Controller(Aims(), time.perf_counter)
    async with open_served(UP, admission=controller) as served:
        url = served.url.replace("http", "ws") + "/omen/ws"
        async with trio_websocket.open_websocket_url(url) as socket:
            controller.offer = AfterWaiting.offer.__get__(controller)  # type: ignore[method-assign]
            await socket.send_message(
                '{"type":"request","id":"1","body":{"model":"m","messages":[{"role":"user","content":"hi"}]}}'
            )
            frame = await socket.get_message()
            assert '"type":"error"' in frame
            assert '"code":"overloaded"' in frame
            assert '"retry_after":1.0' in frame


async def test_what_the_gateway_does_is_told_in_its_metrics_and_its_status() -> None:
    controller = Controller(Aims(), time.perf_counter)
    async with open_served(UP, admission=controller) as served, httpx.AsyncClient() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        answer = await client.post(f"{served.url}/v1/chat/completions", json=body)
        assert answer.status_code == 200
        metrics = (await client.get(f"{served.url}/metrics")).text
        for line in (
            "omen_pressure 0.0",
            "omen_requests_admitted_total 1.0",
            'omen_requests_refused_total{when="at_the_door"} 0.0',
            "omen_slots_waiting 0.0",
            'omen_relieved_plans_total{pressure="single"} 0.0',
        ):
            assert line in metrics.splitlines()
        status = (await client.get(f"{served.url}/status")).json()
        assert status["admission"]["admitted"] == 1
        assert status["admission"]["beginning"] == 0
        assert status["slots"]["openai"] == {"taken": 0, "limit": 256, "waiting": 0}
