"""The W3C context of a request comes in at every door, and goes out to every upstream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import httpx
import pytest
from trio.testing import MockClock

from omen.config import ProviderSettings, ServerSettings, Settings
from omen.core.trace import LONGEST_STATE, passed_on
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.gateway import open_gateway
from omen.telemetry import LiveFeed, OpenTelemetry, pass_on
from tests.front.client import piece, scope, talk
from tests.telemetry.spanning import PARENT, TRACE, tracing

CONTEXT = {"traceparent": PARENT, "tracestate": "congo=t61rcWkgMzE", "baggage": "user=alice"}
FUTURE = "cc" + PARENT[2:] + "-more"
LONG = "x" * (LONGEST_STATE + 1)
TEXT = [{"role": "user", "content": "hello"}]
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "a good answer of five tokens and more"},
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12},
}
VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
DOORS: Mapping[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": TEXT},
    "/v1/completions": {"prompt": "hello"},
    "/v1/responses": {"input": "hello"},
    "/v1/messages": {"messages": TEXT, "max_tokens": 9},
    "/v1/embeddings": {"input": "hello"},
    "/api/chat": {"messages": TEXT},
    "/api/generate": {"prompt": "hello"},
    "/api/embed": {"input": "hello"},
    "/openai/deployments/m/chat/completions": {"messages": TEXT},
}


@asynccontextmanager
async def door(sent: list[httpx.Headers], spans: OpenTelemetry | None = None) -> AsyncIterator[App]:
    """Every door, over an upstream that keeps the headers of what it is sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.headers)
        return httpx.Response(200, json=VECTORS if "embed" in request.url.path else ANSWER)

    provider = ProviderSettings(
        name="up", kind="openai_compatible", base_urls=("http://up/v1",), models=("m",)
    )
    opened = open_gateway(
        Settings(providers={"up": provider}),
        transport=httpx.MockTransport(answer),
        observers=[] if spans is None else [spans],
        request_observers=[] if spans is None else [spans.end_request],
        begin_trace=pass_on if spans is None else spans.begin_trace,
    )
    async with opened as gateway:
        yield make_app(gateway, LiveFeed(), ServerSettings())


async def pass_through(
    spans: OpenTelemetry | None, headers: Any, path: str = "/v1/chat/completions"
) -> httpx.Headers:
    """Ask once; return the headers that the upstream got."""
    sent: list[httpx.Headers] = []
    body = json.dumps({"model": "m", **DOORS[path]}).encode()
    async with door(sent, spans) as app:
        answered = await talk(app, scope(path, headers=headers), (0, piece(body)))
    assert answered.status == 200, answered.body
    [got] = sent
    return got


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("on", [False, True], ids=["off", "on"])
async def test_every_door_hands_the_context_on(
    path: str, on: bool, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    with tracing(monkeypatch) if on else nullcontext() as traced:
        got = await pass_through(traced and traced.spans, list(CONTEXT.items()), path)
        spans = traced.received() if traced else []
    assert got["tracestate"] == CONTEXT["tracestate"]
    if on:
        request, attempt = sorted(spans, key=lambda span: span.kind, reverse=True)
        assert (request.trace, request.parent) == tuple(PARENT.split("-")[1:3])
        assert got["traceparent"] == f"00-{TRACE}-{attempt.id}-01"
        assert got["baggage"] == CONTEXT["baggage"]
    else:
        # As it came. The words of `baggage` are the caller's own, and stay here.
        assert got["traceparent"] == PARENT
        assert "baggage" not in got


async def test_without_a_context_nothing_is_sent_while_spans_are_off(
    autojump_clock: MockClock,
) -> None:
    assert {"traceparent", "tracestate"}.isdisjoint(await pass_through(None, [("baggage", "a=b")]))


async def test_the_variable_of_propagators_keeps_baggage_back(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    from opentelemetry import propagate

    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext")
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", propagate._load_propagators())
    with tracing(monkeypatch) as traced:
        got = await pass_through(traced.spans, list(CONTEXT.items()))
    assert ("baggage" in got, got["tracestate"]) == (False, CONTEXT["tracestate"])


async def test_what_is_not_sampled_is_not_exported_and_says_so_upstream(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    with tracing(monkeypatch) as traced:
        got = await pass_through(traced.spans, [("traceparent", PARENT[:-2] + "00")])
        assert traced.received() == []
    _, trace, parent, flags = got["traceparent"].split("-")
    assert (trace, flags) == (TRACE, "00")
    assert parent not in PARENT


async def test_a_sampler_of_the_variables_decides(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    with tracing(monkeypatch, OTEL_TRACES_SAMPLER="always_off") as traced:
        got = await pass_through(traced.spans, list(CONTEXT.items()))
        assert traced.received() == []
    assert got["traceparent"].endswith("-00")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("traceparent", PARENT)], {"traceparent": PARENT}),
        ([("traceparent", f" {PARENT}\t")], {"traceparent": PARENT}),
        ([("traceparent", FUTURE)], {"traceparent": FUTURE}),
        (
            [("tracestate", "a=1"), ("traceparent", PARENT), ("tracestate", "b=2")],
            {"traceparent": PARENT, "tracestate": "a=1,b=2"},
        ),
        ([("traceparent", PARENT), ("tracestate", "")], {"traceparent": PARENT}),
        (
            [("traceparent", PARENT), ("tracestate", LONG)],
            {"traceparent": PARENT},
        ),
        ([("traceparent", PARENT), ("tracestate", "a=\xe9")], {"traceparent": PARENT}),
        ([("traceparent", PARENT), ("tracestate", "a=\x001")], {"traceparent": PARENT}),
        ([("tracestate", "a=1")], None),
        ([("traceparent", PARENT), ("traceparent", PARENT)], None),
        ([("traceparent", "0" * 1000)], None),
        ([("traceparent", "00-\x1b[31m")], None),
        ([("traceparent", "")], None),
        ([], None),
    ],
    ids=repr,
)
def test_a_context_is_passed_on_as_it_came_or_not_at_all(
    headers: list[tuple[str, str]], expected: dict[str, str] | None
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    trace = passed_on(raw)
    assert (trace and dict(trace.headers)) == expected
