"""`model: "auto"`: who is asked first, who is left out, and why."""

from __future__ import annotations

import pytest

from omen.config.settings import DEFAULT_PREFER
from omen.core.callers import Caller
from omen.core.candidates import Endpoint
from omen.core.cards import ModelCard, Price, Rates
from omen.core.chat import ChatRequest, FilePart, ImagePart, Message, ResponseFormat, TextPart, Tool
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.routing import (
    Assessor,
    Cards,
    Catalog,
    CatalogProvider,
    PlanDefaults,
    Preferences,
    RequestContext,
    Router,
)

ABLE = frozenset({"tools", "vision", "pdf", "json_schema"})


def card(usd: int = 1, abilities: frozenset[str] | None = ABLE, context: int = 10_000) -> ModelCard:
    price = Price(rates=Rates(input=usd, output=usd))  # type: ignore[arg-type]
    return ModelCard(price=price, abilities=abilities, context=context)


def provider(
    name: str, kind: str, url: str = "", known: ModelCard | None = None
) -> CatalogProvider:
    cards = Cards(kind, overrides={f"{name}-1": known or card()}, book={})
    endpoint = Endpoint(url or f"http://{name}.example", is_local=kind == "ollama")
    return CatalogProvider(name, kind, (endpoint,), (f"{name}-1",), cards=cards)


FLEET = (
    provider("azure", "azure"),
    provider("openai", "openai"),
    provider("claude", "anthropic"),
    provider("local", "ollama"),
)
SCORES = {"azure": 90.0, "openai": 80.0, "claude": 70.0, "local": 60.0}


def plan(
    prompt: str = "hi",
    *fleet: CatalogProvider,
    model: str = "auto",
    local_for: tuple[str, ...] = (),
    caller: Caller | None = None,
    request: ChatRequest | None = None,
    **hints: object,
) -> Plan:
    router = Router(
        Catalog(fleet or FLEET),
        PlanDefaults(prefer=Preferences(DEFAULT_PREFER, local_for)),
        ["single", "race"],
        Assessor(score=lambda candidate: SCORES.get(candidate.provider, 50.0)),
    )
    asked = request or ChatRequest(messages=(Message("user", (TextPart(prompt),)),))
    return router.plan(model, RaceHints(**hints), 0.0, RequestContext(asked, caller or Caller()))  # type: ignore[arg-type]


def order(*args: object, **more: object) -> list[str]:
    return [candidate.provider for candidate in plan(*args, **more).candidates]  # type: ignore[arg-type]


class TestOrder:
    def test_by_what_is_preferred_for_the_intent_and_then_by_score(self) -> None:
        assert order("Write a Go function") == ["local", "claude", "openai", "azure"]
        assert order("Compare these two designs") == ["claude", "openai", "azure", "local"]
        assert order("hello") == ["azure", "openai", "claude", "local"]

    def test_the_callers_word_counts_more_than_the_guess(self) -> None:
        made = plan("hello", intent="code")
        assert made.intent == "code"
        assert made.candidates[0].provider == "local"
        assert "intent code" in made.reason

    def test_local_ones_first_for_the_intents_that_want_it(self) -> None:
        assert order("hello", local_for=("general",))[0] == "local"
        assert order("Compare these", local_for=("analysis",)) == [
            "local",
            "claude",
            "openai",
            "azure",
        ]

    def test_weights_count_within_the_same_preference(self) -> None:
        weights = {"local": 10.0}
        assert order("hello", priority_weights=weights)[0] == "local"
        assert order("Compare these", priority_weights=weights)[-1] == "local"

    def test_a_priority_puts_the_price_first(self) -> None:
        fleet = (
            provider("a", "openai", known=card(5)),
            provider("b", "openai", known=card(1)),
            provider("c", "openai", known=card(9)),
        )
        assert order("hi", *fleet, tags={"priority": "cost-effective"}) == ["b", "a", "c"]
        assert order("hi", *fleet, tags={"priority": "high-quality"}) == ["c", "a", "b"]
        assert "by price" in plan("hi", *fleet, tags={"priority": "cost-effective"}).reason

    def test_a_bare_model_is_ordered_by_score_and_a_list_as_written(self) -> None:
        assert order(model="local/x,azure/x") == ["local", "azure"]
        shared = tuple(
            CatalogProvider(name, "openai", (Endpoint(f"http://{name}"),), ("m",))
            for name in ("local", "azure")
        )
        assert order("hi", *shared, model="m") == ["azure", "local"]


BLIND = provider("blind", "openai", known=card(abilities=frozenset()))
UNKNOWN = CatalogProvider("new", "openai", (Endpoint("http://new"),), ("new-1",))
PICTURE = ImagePart("https://x.example/p.png")


class TestWhoIsLeftOut:
    @pytest.mark.parametrize(
        ("request_", "why"),
        [
            (ChatRequest((Message("user", (PICTURE,)),)), "cannot see images"),
            (ChatRequest((Message("user", (FilePart("data:x"),)),)), "cannot read files"),
            (
                ChatRequest((Message("user", (TextPart("a"),)),), tools=(Tool("t"),)),
                "cannot call tools",
            ),
            (
                ChatRequest(
                    (Message("user", (TextPart("a"),)),),
                    response_format=ResponseFormat("json_schema"),
                ),
                "cannot follow a JSON schema",
            ),
            (
                ChatRequest((Message("user", (TextPart("a" * 200_000),)),)),
                "the prompt is too long for it (10000 tokens at most)",
            ),
        ],
    )
    def test_who_is_known_not_to_be_able(self, request_: ChatRequest, why: str) -> None:
        wide = provider("wide", "openai", known=card(context=1_000_000))
        made = plan("", BLIND, wide, UNKNOWN, request=request_)
        assert {c.provider for c in made.candidates} == {"wide", "new"}
        assert made.left_out == (("blind/blind-1", why),)

    def test_tools_that_must_not_be_called_need_nobody_who_can(self) -> None:
        request = ChatRequest(
            (Message("user", (TextPart("a"),)),), tools=(Tool("t"),), tool_choice="none"
        )
        assert plan("", BLIND, request=request).left_out == ()

    def test_who_is_not_known_may_be_able(self) -> None:
        request = ChatRequest((Message("user", (PICTURE,)),))
        made = plan("", BLIND, UNKNOWN, model="blind/blind-1,new/new-1", request=request)
        assert [c.provider for c in made.candidates] == ["new"]

    def test_if_nobody_is_able_all_are_asked(self) -> None:
        request = ChatRequest((Message("user", (PICTURE,)),))
        made = plan("", BLIND, request=request)
        assert [c.provider for c in made.candidates] == ["blind"]
        assert made.left_out == ()

    def test_who_can_probably_not_read_so_much_goes_behind(self) -> None:
        small = provider("small", "openai", known=card(context=1000))
        wide = provider("wide", "openai", known=card(context=100_000))
        assert order("hi", small, wide, model="small/small-1,wide/wide-1") == ["small", "wide"]
        long = "word " * 1200
        assert order(long, small, wide, model="small/small-1,wide/wide-1") == ["wide", "small"]


class TestKeys:
    def test_a_key_asks_only_what_it_may(self) -> None:
        caller = Caller(key_id="k", models=("openai/*", "local-1"))
        assert set(order(caller=caller)) == {"openai", "local"}

    def test_nothing_is_left_for_it_is_a_403(self) -> None:
        caller = Caller(key_id="k", models=("nobody/*",))
        with pytest.raises(RequestError) as caught:
            plan(caller=caller)
        assert (caught.value.status, caught.value.code) == (403, "model_not_allowed")

    def test_a_strategy_it_may_not_use_is_a_403(self) -> None:
        caller = Caller(key_id="k", strategies=("single",))
        assert plan(caller=caller).strategy == "single"
        with pytest.raises(RequestError) as caught:
            plan(caller=caller, strategy="race")
        assert (caught.value.status, caught.value.param) == (403, "omen.strategy")

    def test_a_judge_it_may_not_ask_is_none(self) -> None:
        caller = Caller(key_id="k", models=("openai/*",))
        with pytest.raises(RequestError) as caught:
            plan(caller=caller, judge="claude/claude-1")
        assert caught.value.param == "omen.merge.judge"
