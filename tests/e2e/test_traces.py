"""One trace over two gateways in a row, and at the doors that are no plain HTTP: real sockets."""

from __future__ import annotations

import json
from functools import partial

import pytest
import trio
from trio_websocket import open_websocket_url

from omen.config import ProviderSettings, Settings
from omen.front.grpc import _omen_pb2 as pb
from tests.e2e.grpc_served import Stub, ask, call
from tests.e2e.served import open_served
from tests.telemetry.otlp import Span
from tests.telemetry.spanning import CALLER, PARENT, TRACE, Tracing, tracing
from tests.world import upstream

FAST = upstream("fast", first_token=0.0, gap=0.0, tokens=10)
SLOW = upstream("slow", first_token=30.0, gap=0.0, tokens=10)
HEADERS = {"traceparent": PARENT, "tracestate": "congo=1"}


def in_front(url: str) -> Settings:
    """The settings of a gateway whose one provider is another gateway."""
    behind = ProviderSettings(
        name="behind", kind="openai_compatible", base_urls=(f"{url}/v1",), models=("m",)
    )
    return Settings(providers={"behind": behind})


def of_kind(spans: list[Span], kind: str) -> list[Span]:
    return [span for span in spans if span.kind == kind]


async def test_two_gateways_in_a_row_are_one_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        tracing(monkeypatch, OTEL_SERVICE_NAME="front") as front,
        tracing(monkeypatch, OTEL_SERVICE_NAME="behind") as behind,
    ):
        race = {"strategy": "race", "k": 2, "min_useful_tokens": 1}
        async with (
            open_served(FAST, SLOW, spans=behind.spans) as second,
            open_served(settings=in_front(second.url), spans=front.spans) as first,
        ):
            answer = await first.call(
                lambda client: client.chat.completions.create(
                    model="behind/m",
                    messages=[{"role": "user", "content": "hello"}],
                    extra_headers={**HEADERS, "x-omen-strategy": "single"},
                    extra_body={"omen": race},
                )
            )
            await first.assert_nothing_left()
            await second.assert_nothing_left()
        assert answer.choices[0].message.content
        [request, attempt] = sorted(front.received(), key=lambda span: span.kind, reverse=True)
        further = behind.received()

    assert (request.service, request.kind, request.parent) == ("front", "SERVER", CALLER)
    assert (attempt.kind, attempt.parent) == ("CLIENT", request.id)
    [inner] = of_kind(further, "SERVER")
    assert (inner.service, inner.parent) == ("behind", attempt.id)
    attempts = of_kind(further, "CLIENT")
    assert {span.parent for span in attempts} == {inner.id}
    assert {span.trace for span in (request, attempt, *further)} == {TRACE}
    assert {span.state for span in (request, attempt, *further)} == {"congo=1"}
    assert request.began <= attempt.began <= inner.began <= min(span.began for span in attempts)
    assert attempt.attributes["server.port"] == int(second.url.rpartition(":")[2])


async def test_a_call_by_grpc_is_a_span_named_by_its_method(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(stub: Stub) -> pb.ChatCompletionResponse:
        stub.HealthCheck(pb.HealthCheckRequest(), metadata=tuple(HEADERS.items()))
        return stub.ChatCompletion(ask(), metadata=tuple(HEADERS.items()))

    with tracing(monkeypatch) as traced:
        async with open_served(FAST, spans=traced.spans) as served:
            await call(served, work)
            await served.assert_nothing_left()
        request, attempt = sorted(traced.received(), key=lambda span: span.kind, reverse=True)
    assert (attempt.trace, attempt.parent) == (TRACE, request.id)
    assert request.name == "omen.v1.OmenService/ChatCompletion"
    assert (request.trace, request.parent) == (TRACE, CALLER)
    assert request.attributes["rpc.system.name"] == "grpc"
    assert request.attributes["rpc.method"] == "omen.v1.OmenService/ChatCompletion"
    assert request.attributes["omen.result"] == "answered"


async def test_each_request_of_a_socket_is_a_span_below_the_handshakes_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    with tracing(monkeypatch) as traced:
        async with open_served(FAST, spans=traced.spans) as served:
            url = served.url.replace("http", "ws") + "/omen/ws"
            async with open_websocket_url(url, extra_headers=headers) as socket:
                for number in (1, 2):
                    await socket.send_message(
                        json.dumps({"type": "request", "id": number, "body": body})
                    )
                    kind = "chunk"
                    while kind not in ("done", "error"):
                        kind = json.loads(await socket.get_message())["type"]
                    assert kind == "done"
            await served.assert_nothing_left()
        spans = traced.received()
    requests = of_kind(spans, "SERVER")
    assert [(span.name, span.trace, span.parent) for span in requests] == [
        ("GET /omen/ws", TRACE, CALLER)
    ] * 2
    assert {span.parent for span in of_kind(spans, "CLIENT")} == {span.id for span in requests}


async def test_a_client_that_leaves_ends_every_span_without_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tracing(monkeypatch) as traced:
        async with open_served(SLOW, spans=traced.spans) as served:
            stream = await served.connect()
            body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
            head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
            length = f"content-length: {len(body)}\r\n\r\n"
            await stream.send_all(f"{head}{length}{body}".encode())
            await served.stats["slow"].wait_until(lambda seen: seen.open == 1)
            await trio.aclose_forcefully(stream)
            await served.assert_nothing_left()
            await _ended(traced)
        request, attempt = sorted(traced.received(), key=lambda span: span.kind, reverse=True)
    assert (request.attributes["omen.result"], request.status) == ("client_left", "unset")
    assert attempt.attributes["omen.outcome"] == "client_cancelled"
    assert attempt.attributes["omen.cut"] == "client_left"
    assert attempt.status == "unset"


async def _ended(traced: Tracing) -> None:
    """Wait until both spans of a request have been exported: the request ends after its attempt."""
    traced.received()
    await trio.to_thread.run_sync(partial(traced.receiver.wait, 2), abandon_on_cancel=True)
