"""No figure of an upstream poisons the books: every format, every number that JSON can write.

Each answer goes through a gateway with a budget. Afterwards the month has cost between nothing and a
few cents, the status can be written, and the next request is answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import ProviderSettings, RoutingSettings, Settings
from omen.config.settings import Price
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import OmenError
from omen.core.hints import RaceHints
from omen.front.http.race_report import explain
from omen.front.operations.status import describe_status
from omen.gateway import Gateway, open_gateway
from tests.world import Received

REQUEST = ChatRequest((Message("user", (TextPart("Does it rain in Bergen?"),)),), max_tokens=50)
PRICES = Price(input=Decimal(3), output=Decimal(15), cached_input=Decimal("0.3"))
NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e308", "1" + "0" * 26, "1" + "0" * 400,
    "-1", "-500000", "9.5", "true", "false", "null", '"12"', '""', "[]", "{}", '{"tokens": 5}',
)  # fmt: skip
# ruff: noqa: E501
WIRES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "openai": ("openai", "m", {
        "prompt": '"prompt_tokens": $, "completion_tokens": 9',
        "completion": '"prompt_tokens": 9, "completion_tokens": $',
        "total": '"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": $',
        "cached": '"prompt_tokens": 9, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": $}',
        "cached beside": '"prompt_tokens": 9, "completion_tokens": 9, "prompt_cache_hit_tokens": $',
        "reasoning": '"prompt_tokens": 9, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": $}',
        "bill": '"prompt_tokens": 9, "completion_tokens": 9, "cost_in_usd_ticks": $',
        "gemini": '"prompt_tokens": 9, "completion_tokens": 9, "extra_properties": {"google": {"thoughtsTokenCount": $}}, "total_tokens": $',
    }),
    "responses": ("openai", "gpt-5.3-codex", {
        "input": '"input_tokens": $, "output_tokens": 9',
        "output": '"input_tokens": 9, "output_tokens": $',
        "cached": '"input_tokens": 9, "output_tokens": 9, "input_tokens_details": {"cached_tokens": $}',
        "reasoning": '"input_tokens": 9, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": $}',
    }),
    "anthropic": ("anthropic", "claude-haiku-4-5", {
        "input": '"input_tokens": $, "output_tokens": 9',
        "output": '"input_tokens": 9, "output_tokens": $',
        "read": '"input_tokens": 9, "output_tokens": 9, "cache_read_input_tokens": $',
        "written": '"input_tokens": 9, "output_tokens": 9, "cache_creation_input_tokens": $',
        "kept": '"input_tokens": 9, "output_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": $}',
        "searches": '"input_tokens": 9, "output_tokens": 9, "server_tool_use": {"web_search_requests": $}',
    }),
    "ollama": ("ollama", "m", {
        "prompt": '"prompt_eval_count": $, "eval_count": 9',
        "answer": '"prompt_eval_count": 9, "eval_count": $',
    }),
}  # fmt: skip
"""By wire format: the kind of provider, its model, and reports of usage with one odd number."""
CASES = [(wire, place) for wire, (_, _, places) in WIRES.items() for place in places]


def sse(*values: str) -> bytes:
    lines = [f"event: {json.loads(value)['type']}\ndata: {value}\n\n" if '"type"' in value[:9]
             else f"data: {value}\n\n" for value in values]  # fmt: skip
    return "".join(lines).encode()


def body(wire: str, usage: str, *, again: str | None = None, error: bool = False) -> bytes:
    """Return a whole streamed answer that reports this usage, and perhaps another one after it."""
    reports = [usage] if again is None else [usage, again]
    if wire == "openai":
        said = '{"choices": [{"index": 0, "delta": {"content": "It rains in Bergen, always."}}]}'
        ended = '{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
        told = [f'{{"choices": [], "usage": {{{one}}}}}' for one in reports]
        failed = f'{{"error": {{"message": "broke"}}, "usage": {{{usage}}}}}'
        return sse(said, failed) if error else sse(said, ended, *told) + b"data: [DONE]\n\n"
    if wire == "responses":
        kind = '{"type": "response.failed"' if error else '{"type": "response.completed"'
        status = '"status": "failed", "error": {"message": "broke"}, ' if error else ""
        return sse(
            '{"type": "response.output_text.delta", "output_index": 0,'
            ' "delta": "It rains in Bergen, always."}',
            f'{kind}, "response": {{{status}"usage": {{{reports[-1]}}}, "output": []}}}}',
        )
    if wire == "anthropic":
        start = f'{{"type": "message_start", "message": {{"model": "m", "usage": {{{usage}}}}}}}'
        block = '{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}'
        said = '{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It rains, always and ever."}}'
        stop = '"delta": {"stop_reason": "end_turn"}'
        told = [f'{{"type": "message_delta", {stop}, "usage": {{{one}}}}}' for one in reports]
        failed = f'{{"type": "error", "error": {{"type": "api_error", "message": "broke"}}, "usage": {{{usage}}}}}'
        last = [failed] if error else [*told, '{"type": "message_stop"}']
        return sse(start, block, said, *last)
    said = '{"message": {"content": "It rains in Bergen, always."}, "done": false}'
    last = (
        '{"error": "broke", '
        if error
        else '{"message": {"content": ""}, "done": true, "done_reason": "stop", '
    )
    return f"{said}\n{last}{reports[-1]}}}\n".encode()


async def run(gateway: Gateway, model: str) -> Received:
    race = gateway.plan(model, RaceHints(strategy="single"), trio.current_time())
    received = Received(race)
    try:
        await gateway.run(race, REQUEST, received)
    except OmenError as error:
        received.error = error
    return received


async def check(wire: str, answer: bytes) -> None:
    """Ask once for a poisoned answer, and then for a plain one. A failed attempt is repeated."""
    kind, model, _ = WIRES[wire]
    plain = body(wire, next(iter(WIRES[wire][2].values())).replace("$", "9"))
    answers = [answer]
    content_type = "application/x-ndjson" if wire == "ollama" else "text/event-stream"

    def respond(request: httpx.Request) -> httpx.Response:
        content = answers.pop(0) if answers else plain
        return httpx.Response(200, content=content, headers={"content-type": content_type})

    provider = ProviderSettings(
        name="p", kind=kind, base_urls=("http://p.test/v1",), models=(model,),
        prices={model: PRICES},
    )  # fmt: skip
    settings = Settings(
        providers={"p": provider}, routing=RoutingSettings(budget_monthly_usd=Decimal(1))
    )
    async with open_gateway(settings, transport=httpx.MockTransport(respond)) as gateway:
        first = await run(gateway, f"p/{model}")
        assert answers == []
        report = json.dumps(explain(first.race), allow_nan=False)
        assert "NaN" not in report
        spent = (await gateway.months.standing()).spent_usd
        assert spent.is_finite()
        assert 0 <= spent < Decimal("0.1")
        status = await describe_status(gateway, draining=False, started_unix=0.0)
        json.dumps(status, allow_nan=False)
        assert (await run(gateway, f"p/{model}")).error is None


@pytest.mark.parametrize(("wire", "place"), CASES)
async def test_an_odd_number_in_a_report_neither_pays_nor_uses_up_a_budget(
    autojump_clock: MockClock, wire: str, place: str
) -> None:
    for number in NUMBERS:
        await check(wire, body(wire, WIRES[wire][2][place].replace("$", number)))


@pytest.mark.parametrize(("wire", "place"), CASES)
@pytest.mark.parametrize("numbers", [("9", "1" + "0" * 26), ("500", "-5"), ("500", "5")], ids=str)
async def test_nor_does_a_report_that_comes_twice_and_shrinks_or_explodes(
    autojump_clock: MockClock, wire: str, place: str, numbers: tuple[str, str]
) -> None:
    first, again = (WIRES[wire][2][place].replace("$", number) for number in numbers)
    await check(wire, body(wire, first, again=again))


@pytest.mark.parametrize(("wire", "place"), CASES)
@pytest.mark.parametrize("number", ["-5", "1" + "0" * 26, "NaN"])
async def test_nor_does_a_report_beside_an_error(
    autojump_clock: MockClock, wire: str, place: str, number: str
) -> None:
    await check(wire, body(wire, WIRES[wire][2][place].replace("$", number), error=True))
