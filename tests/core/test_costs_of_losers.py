"""The cost of an attempt that did not finish, and the provenance of that cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.cards import ModelCard, Price, Rates
from omen.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    ReasoningBlock,
    ResponseFormat,
    TextPart,
    Tool,
)
from omen.core.costs import Cost
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Usage
from omen.core.prompt_size import PromptSize, measure_prompt, measure_texts
from omen.core.records import AttemptRecord
from omen.providers import KINDS

PRICE = Price(rates=Rates(input=Decimal(2), cached_input=Decimal(1), output=Decimal(10)))
FREE = Price(rates=Rates(input=Decimal(0), output=Decimal(0)))


def attempt(price: Price | None = PRICE, *, stops: bool | None = True) -> AttemptRecord:
    """Return a cancelled attempt: about 100 prompt tokens, and 8 generated tokens in 5 deltas."""
    candidate = Candidate(
        "p", "openai", "m", Endpoint("http://up"), "p",
        card=ModelCard(price=price), quirks=Quirks(cancel_stops_billing=stops),
    )  # fmt: skip
    record = AttemptRecord(0, candidate, 0.0, responded_at=0.1, ended_at=1.0)
    record.outcome, record.tokens, record.pieces = "lost", 8, 5
    record.prompt = PromptSize(at_least=50, likely=100, at_most=400)
    return record


def usd(millionths: int) -> Decimal:
    return Decimal(millionths) / 1_000_000


def test_where_cancelling_stops_the_billing_it_is_the_input_and_what_was_seen() -> None:
    assert attempt().cost == Cost(usd(100 * 2 + 5 * 10), "estimated", 100)


def test_long_pieces_are_more_than_a_token_each() -> None:
    record = attempt()
    record.tokens = 50  # in five pieces
    assert record.cost == Cost(usd(100 * 2 + 50 * 10), "estimated", 100)


def test_where_nobody_promises_that_it_is_a_lower_bound_made_of_lower_bounds() -> None:
    for stops in (False, None):
        assert attempt(stops=stops).cost == Cost(usd(50 * 1 + 5 * 10), "at_least", 50)


def test_which_vendors_stop_billing_is_known_of_each_kind() -> None:
    stops = {name for name, spec in KINDS.items() if spec.terms.cancel_stops_billing}
    assert stops == set(KINDS) - {"openai_compatible"}


def test_one_that_never_responded_may_not_have_been_read() -> None:
    record = attempt(stops=False)
    record.responded_at, record.tokens, record.pieces = None, 0, 0
    assert record.cost == Cost(Decimal(0), "at_least", 0)


def test_one_that_broke_off_is_a_lower_bound_whoever_it_was() -> None:
    record = attempt()
    record.failure = UpstreamFailure(FailureKind.TRUNCATED, "broke off")
    assert record.cost.provenance == "at_least"


def test_what_was_refused_costs_nothing() -> None:
    record = attempt()
    record.responded_at = None
    record.failure = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", upstream_status=429)
    assert record.cost == Cost(Decimal(0), "estimated")
    record.failure = UpstreamFailure(FailureKind.CONNECTION, "broken")
    assert record.cost == Cost(Decimal(0), "at_least")


def test_what_was_never_started_and_what_is_free_cost_nothing_for_sure() -> None:
    denied = attempt()
    denied.outcome = "denied"
    assert denied.cost == attempt(price=FREE).cost == Cost(Decimal(0), "exact")


def test_without_a_price_there_is_no_amount() -> None:
    assert attempt(price=None).cost == Cost(None, "estimated")
    finished = attempt(price=None)
    finished.usage = Usage(7, 3)
    assert finished.cost == Cost(None, "exact", 7)
    billed = attempt(price=None)
    billed.usage = Usage(7, 3, billed_usd=Decimal("0.5"))
    assert billed.cost == Cost(Decimal("0.5"), "exact", 7)


def test_counting_tokens_is_free_at_every_vendor() -> None:
    """An attempt in the role `count` costs exactly nothing, whatever its card's price is."""
    counting = attempt()
    counting.role = "count"
    assert counting.cost == Cost(Decimal(0), "exact")


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_a_prompts_bounds_are_in_order_and_no_token_is_shorter_than_a_byte(
    texts: list[str],
) -> None:
    size = measure_prompt(
        ChatRequest(messages=tuple(Message("user", (TextPart(text),)) for text in texts))
    )
    assert 1 <= size.at_least <= size.at_most
    assert 1 <= size.likely <= size.at_most
    assert size.at_most >= sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def test_a_schema_of_the_answer_and_reasoning_that_comes_back_are_read_too() -> None:
    plain = ChatRequest(messages=(Message("assistant", (TextPart("x"),)),))
    schema = {"type": "object", "properties": {"a": {"description": "d" * 5000}}}
    shaped = replace(plain, response_format=ResponseFormat("json_schema", schema=schema))
    assert measure_prompt(shaped).at_most > measure_prompt(plain).at_most + 5000
    block = ReasoningBlock("anthropic", "m", {"thinking": "t" * 5000})
    thought = ChatRequest(messages=(replace(plain.messages[0], reasoning=(block,)),))
    assert measure_prompt(thought).at_most > measure_prompt(plain).at_most + 5000


def test_texts_to_embed_are_bounded_by_their_bytes_and_ids_are_tokens() -> None:
    assert measure_texts(["ten bytes."]) == PromptSize(1, 5, 12)
    assert measure_texts([(1, 2, 3), (4,)]) == PromptSize(5, 5, 5)


def test_tools_and_images_count() -> None:
    plain = ChatRequest(messages=(Message("user", (TextPart("look"),)),))
    tool = Tool("find", "finds things", {"type": "object"}, None)
    more = ChatRequest(
        messages=(Message("user", (TextPart("look"), ImagePart("https://x.test/a.png"))),),
        tools=(tool,),
    )
    assert measure_prompt(more).at_most > measure_prompt(plain).at_most + 6000
    assert measure_prompt(more).likely > measure_prompt(plain).likely + 1000
