"""A cost is exact only if the tokens at the listed price are the whole bill."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from omen.core.cards import Price, Rates
from omen.core.costs import Cost, cost_from_usage
from omen.core.events import AnswerEnd, Usage
from omen.core.frames import Frame
from omen.core.usage_checks import is_believable
from omen.providers import KINDS
from tests.providers.asking import HELLO, candidate

Json = dict[str, Any]
PRICE = Price(rates=Rates(input=Decimal(1), output=Decimal(5)))
COUNTS: Json = {"prompt_tokens": 1000, "completion_tokens": 10}
TOKENS = Decimal("0.00105")
"""What 1000 tokens of a prompt and 10 generated ones cost."""


def cost(kind: str, model: str, events: Iterable[Json]) -> Cost:
    """Return the cost of the answer that these events are."""
    decoder = KINDS[kind].decoder(HELLO, candidate(kind, model))
    read = [e for one in events for e in decoder.feed(Frame(json.dumps(one).encode()))]
    (end,) = [e for e in [*read, *decoder.end()] if isinstance(e, AnswerEnd)]
    assert end.usage is not None
    return cost_from_usage(PRICE, end.usage)


def chat(kind: str = "openai", *, usage: Json | None = None, delta: Json | None = None,
         **chunk: Any) -> Cost:  # fmt: skip
    choice = {"index": 0, "delta": {"content": "x", **(delta or {})}, "finish_reason": "stop"}
    first = {"model": "m", "choices": [choice], **chunk}
    return cost(kind, "m", [first, {"choices": [], "usage": {**COUNTS, **(usage or {})}, **chunk}])


def message(**usage: Any) -> Cost:
    block = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": "x"}
    begun = {"model": "m", "usage": {"input_tokens": 1000, "output_tokens": 1}}
    ended = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10, **usage}}
    events: list[Json] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", **ended},
        {"type": "message_stop"},
    ]
    return cost("anthropic", "claude-haiku-4-5", events)


def response(*items: str, **more: Any) -> Cost:
    text = {"type": "message", "content": [{"type": "output_text", "text": "x"}]}
    output = [*({"type": item, "id": item} for item in items), text]
    done = [
        {"type": "response.output_item.done", "output_index": place, "item": item}
        for place, item in enumerate(output)
    ]
    usage = {"input_tokens": 1000, "output_tokens": 10}
    end = {"type": "response.completed", "response": {"model": "m", "usage": usage, **more}}
    return cost("openai", "gpt-5.3-codex", [*done, end])


@pytest.mark.parametrize("tier", [None, "default", "standard", "auto", "on_demand"])
def test_the_usual_tier_is_billed_at_the_listed_price(tier: str | None) -> None:
    exact = Cost(TOKENS, "exact", 1000)
    assert chat(service_tier=tier) == exact
    assert response(service_tier=tier) == exact
    assert message(service_tier=tier) == exact


@pytest.mark.parametrize("tier", ["priority", "flex", "scale", "batch", "performance", "new"])
def test_at_another_tier_the_listed_price_is_an_estimate(tier: str) -> None:
    estimated = Cost(TOKENS, "estimated", 1000)
    assert chat(service_tier=tier) == estimated
    assert response(service_tier=tier) == estimated
    assert message(service_tier=tier) == estimated


def test_a_tier_may_stand_in_the_usage() -> None:
    assert chat(usage={"service_tier": "flex"}).provenance == "estimated"


@pytest.mark.parametrize(
    ("usage", "provenance"),
    [
        ({"inference_geo": "us"}, "estimated"),
        ({"inference_geo": "global"}, "exact"),
        ({"inference_geo": "not_available"}, "exact"),
        ({"speed": "fast"}, "estimated"),
        ({"speed": "standard"}, "exact"),
    ],
)
def test_claudes_speed_and_region_have_prices_of_their_own(usage: Json, provenance: str) -> None:
    assert message(**usage).provenance == provenance


def test_claudes_web_searches_are_billed_at_a_cent_each() -> None:
    searched = message(server_tool_use={"web_search_requests": 20, "web_fetch_requests": 3})
    assert searched == Cost(TOKENS + Decimal("0.20"), "exact", 1000)


def test_another_tool_of_the_server_makes_the_cost_a_lower_bound() -> None:
    assert message(server_tool_use={"code_execution_requests": 2}).provenance == "at_least"
    assert message(server_tool_use={"code_execution_requests": 0}).provenance == "exact"


def test_searches_of_the_responses_api_make_the_cost_a_lower_bound() -> None:
    for item in ("web_search_call", "file_search_call", "code_interpreter_call"):
        assert response(item) == Cost(TOKENS, "at_least", 1000)
    assert response("reasoning").provenance == "exact"


CITATION = {"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "x"}}


@pytest.mark.parametrize(
    "answer",
    [
        {"delta": {"annotations": [CITATION]}},
        {"citations": ["https://x.test"]},
        {"usage": {"num_search_queries": 2}},
        {"usage": {"num_sources_used": 2}},
        {"usage": {"server_tool_use": {"web_search_requests": 2}}},
    ],
)
def test_searches_of_a_chat_make_the_cost_a_lower_bound(answer: Json) -> None:
    assert chat("openai_compatible", **answer) == Cost(TOKENS, "at_least", 1000)


def test_a_count_of_no_searches_leaves_the_cost_exact() -> None:
    assert chat("xai", usage={"num_sources_used": 0}).provenance == "exact"


def test_a_bill_is_exact_whatever_it_is_for() -> None:
    billed = chat("xai", usage={"cost_in_usd_ticks": 7 * 10**9, "num_sources_used": 9})
    assert billed == Cost(Decimal("0.7"), "exact", 1000)


@pytest.mark.parametrize("searches", [-20, 10**26])
def test_fees_that_cannot_be_true_are_not_believed(searches: int) -> None:
    fees = searches * Decimal("0.01")
    assert not is_believable(Usage(1000, 10, fees_usd=fees))


def test_a_free_model_has_no_fees() -> None:
    free = Price(rates=Rates(input=Decimal(0), output=Decimal(0)))
    usage = Usage(1000, 10, fees_usd=Decimal("0.20"))
    assert cost_from_usage(free, usage) == Cost(Decimal(0), "exact", 1000)
