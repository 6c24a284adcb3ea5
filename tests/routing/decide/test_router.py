"""Who is a candidate, in which order, and by which deadlines."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from omen.core.callers import ANYBODY, Caller
from omen.core.candidates import Endpoint
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.routing import Catalog, CatalogProvider, PlanDefaults, RequestContext, Router

PROVIDERS = [
    CatalogProvider("openai", "openai", (Endpoint("http://o/v1"),), ("gpt", "shared")),
    CatalogProvider("claude", "anthropic", (Endpoint("http://a"),), ("sonnet", "shared")),
    CatalogProvider(
        "local", "ollama", (Endpoint("http://l1"), Endpoint("http://l2")), ("org/llama", "shared")
    ),
    CatalogProvider("open", "openai_compatible", (Endpoint("http://c/v1"),)),
]


KINDS = ("openai", "openai_compatible", "anthropic", "ollama", "xai", "azure")


def plan(
    model: str, hints: RaceHints | None = None, *, caller: Caller = ANYBODY, **defaults: Any
) -> Plan:
    defaults = {"kinds": KINDS, "disabled": ("switched-off",), **defaults}
    router = Router(Catalog(PROVIDERS), PlanDefaults(**defaults), ["single", "race"])
    return router.plan(model, hints or RaceHints(), 100.0, RequestContext(caller=caller))


def names(model: str, hints: RaceHints | None = None, **defaults: Any) -> list[str]:
    return [candidate.name for candidate in plan(model, hints, **defaults).candidates]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt", ["openai/gpt"]),
        ("openai/gpt", ["openai/gpt"]),
        ("openai/not-listed", ["openai/not-listed"]),
        ("open/any/thing", ["open/any/thing"]),
        ("org/llama", ["local/org/llama", "local/org/llama"]),
        ("local/org/llama", ["local/org/llama", "local/org/llama"]),
        ("sonnet,gpt", ["claude/sonnet", "openai/gpt"]),
        (" sonnet , openai/gpt ", ["claude/sonnet", "openai/gpt"]),
        ("gpt,openai/gpt", ["openai/gpt"]),
        ("shared", ["openai/shared", "claude/shared", "local/shared", "local/shared"]),
        ("auto", ["openai/gpt", "claude/sonnet", "local/org/llama", "local/org/llama"]),
    ],
)
def test_a_models_name_is_resolved(model: str, expected: list[str]) -> None:
    assert names(model) == expected


def test_a_slash_splits_only_behind_a_configured_provider() -> None:
    assert plan("org/llama").candidates[0].model == "org/llama"
    assert plan("local/org/llama").candidates[0].model == "org/llama"


def test_further_endpoints_stand_behind_everybodys_first() -> None:
    urls = [candidate.endpoint.base_url for candidate in plan("local/x,gpt").candidates]
    assert urls == ["http://l1", "http://o/v1", "http://l2"]


def test_an_alias_is_a_list_of_models() -> None:
    aliases = {"fast": ["claude/sonnet", "openai/gpt"]}
    assert names("fast", aliases=aliases) == ["claude/sonnet", "openai/gpt"]


def test_the_caller_may_name_the_providers() -> None:
    assert names("shared", RaceHints(providers=("claude", "openai"))) == [
        "openai/shared",
        "claude/shared",
    ]


def test_weights_order_what_the_caller_did_not_order() -> None:
    weights = RaceHints(priority_weights={"claude": 3.0, "openai": 0.5})
    assert names("shared", weights)[0] == "claude/shared"
    assert names("shared", weights)[-2:] == ["openai/shared", "local/shared"]
    assert names("gpt,sonnet", weights) == ["openai/gpt", "claude/sonnet"]  # as written


@pytest.mark.parametrize(
    ("model", "hints", "status", "param"),
    [
        ("nobody", RaceHints(), 404, "model"),
        ("", RaceHints(), 404, "model"),
        ("gpt", RaceHints(providers=("claude",)), 404, "model"),
        ("gpt", RaceHints(providers=("nobody",)), 400, "omen.providers"),
        ("gpt", RaceHints(priority_weights={"nobody": 1.0}), 400, "omen.priority_weights"),
        ("gpt", RaceHints(strategy="speculate"), 400, "omen.strategy"),
        ("gpt", RaceHints(k=9), 400, "omen.k"),
    ],
)
def test_what_cannot_be_planned_is_refused_by_name(
    model: str, hints: RaceHints, status: int, param: str
) -> None:
    with pytest.raises(RequestError) as caught:
        plan(model, hints)
    assert (caught.value.status, caught.value.param) == (status, param)


def test_hints_win_over_defaults_and_defaults_fill_the_rest() -> None:
    made = plan("gpt", strategy="race", k=3, max_latency=2.0, timeout=60.0)
    assert (made.strategy, made.k) == ("race", 3)
    assert (made.commit_deadline, made.begin_deadline, made.total_deadline) == (102.0, 160.0, inf)
    hints = RaceHints(strategy="single", k=4, max_latency=0.5, total_timeout=5.0)
    made = plan("gpt", hints, strategy="race", k=3, max_latency=2.0, timeout=60.0)
    assert (made.strategy, made.k) == ("single", 4)
    assert (made.commit_deadline, made.total_deadline) == (100.5, 105.0)


def test_without_a_deadline_there_is_none_but_the_servers_own() -> None:
    made = plan("gpt")
    assert (made.commit_deadline, made.total_deadline) == (inf, inf)
    assert made.begin_deadline == 3700.0


def test_the_servers_bound_of_the_beginning_holds_whatever_a_caller_asks_for() -> None:
    made = plan("gpt", RaceHints(total_timeout=9e9), timeout=60.0)
    assert made.answer_deadline == 160.0
    assert plan("gpt", RaceHints(total_timeout=5.0), timeout=60.0).answer_deadline == 105.0


def test_the_tag_low_latency_means_a_race_unless_a_strategy_is_given() -> None:
    tags = {"priority": "low-latency"}
    assert plan("gpt", RaceHints(tags=tags)).strategy == "race"
    assert plan("gpt", RaceHints(tags=tags, strategy="single")).strategy == "single"


ALIASES = {"fast": ["claude/sonnet", "openai/gpt"], "slow": ["openai/gpt"]}


def test_a_key_for_an_alias_may_use_what_it_stands_for_by_that_name_only() -> None:
    caller = Caller(models=("fast",))
    made = plan("fast", caller=caller, aliases=ALIASES)
    assert [candidate.name for candidate in made.candidates] == ["claude/sonnet", "openai/gpt"]
    for other in ("claude/sonnet", "gpt", "slow"):
        with pytest.raises(RequestError) as caught:
            plan(other, caller=caller, aliases=ALIASES)
        assert caught.value.status == 403
    mixed = plan("slow,fast", caller=Caller(models=("fast",)), aliases=ALIASES)
    assert [candidate.name for candidate in mixed.candidates] == ["claude/sonnet", "openai/gpt"]


def test_a_pattern_hands_out_no_alias_that_happens_to_match() -> None:
    with pytest.raises(RequestError):
        plan("fast", caller=Caller(models=("f*",)), aliases=ALIASES)


def test_a_kind_stands_for_every_provider_of_it() -> None:
    assert names("shared", RaceHints(providers=("anthropic", "ollama"))) == [
        "claude/shared",
        "local/shared",
        "local/shared",
    ]
    # A name precedes a kind: here `openai` is both.
    assert names("shared", RaceHints(providers=("openai",))) == ["openai/shared"]


def test_a_kind_that_nobody_serves_and_a_disabled_provider_are_left_out_with_the_reason() -> None:
    made = plan("gpt", RaceHints(providers=("xai", "switched-off", "openai")))
    assert [candidate.name for candidate in made.candidates] == ["openai/gpt"]
    assert made.left_out == (
        ("xai", "no provider of this kind is in use"),
        ("switched-off", "the provider is disabled"),
    )


@pytest.mark.parametrize("words", [("xai",), ("xai", "switched-off"), ("gpt-4", "openai")])
def test_an_unknown_word_and_nobody_left_are_mistakes_that_list_names_and_kinds(
    words: tuple[str, ...],
) -> None:
    with pytest.raises(RequestError) as caught:
        plan("gpt", RaceHints(providers=words))
    assert (caught.value.status, caught.value.param) == (400, "omen.providers")
    assert "configured: openai, claude, local, open" in caught.value.message
    assert "kinds: openai, openai_compatible, anthropic" in caught.value.message


def test_the_weight_of_a_name_precedes_that_of_its_kind() -> None:
    weights = {"anthropic": 5.0, "claude": 0.5, "ollama": 2.0, "azure": 9.0}
    made = plan("shared", RaceHints(priority_weights=weights))
    assert {c.provider: c.score for c in made.candidates} == {
        "openai": 50.0,
        "claude": 25.0,
        "local": 100.0,
    }


@pytest.mark.parametrize(
    ("model", "models", "meant"),
    [
        ("sonet", (), "sonnet"),
        ("Sonnet", (), "sonnet"),
        ("opnai/gpt", (), "openai/gpt"),
        ("fsat", (), "fast"),
        ("something-else", (), None),
        ("s" * 101, (), None),
        ("sonet", ("openai/*",), None),
        ("opnai/gpt", ("openai/*",), "openai/gpt"),
        ("sloww", ("fast",), None),
    ],
)
def test_an_unknown_name_gets_the_name_that_was_meant_if_the_key_may_use_it(
    model: str, models: tuple[str, ...], meant: str | None
) -> None:
    with pytest.raises(RequestError) as caught:
        plan(model, caller=Caller(models=models), aliases=ALIASES)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")
    assert caught.value.message.partition("; ")[2] == (f"did you mean '{meant}'?" if meant else "")
