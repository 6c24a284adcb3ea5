"""Race hints, from the body and from headers; the body wins, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.front.http.request import header_map
from tests.front.asking import ask


@pytest.mark.parametrize(
    ("omen", "meant"),
    [
        (None, RaceHints()),
        ({}, RaceHints()),
        ({"strategy": "race", "k": 3}, RaceHints(strategy="race", k=3)),
        ({"intent": "code"}, RaceHints(intent="code")),
        ({"intent": "refactor"}, RaceHints(intent="code")),
        ({"intent": "explain"}, RaceHints(intent="explanation")),
        ({"providers": ["a", "b"]}, RaceHints(providers=("a", "b"))),
        ({"providers": []}, RaceHints(providers=())),
        ({"max_latency_ms": 1500}, RaceHints(max_latency=1.5)),
        ({"total_timeout_ms": 0.5}, RaceHints(total_timeout=0.0005)),
        ({"min_useful_tokens": 1}, RaceHints(min_useful_tokens=1)),
        ({"priority_weights": {"a": 2, "b": 0.5}}, RaceHints(priority_weights={"a": 2, "b": 0.5})),
        ({"explain": True}, RaceHints(explain=True)),
        ({"on_failure": "error", "budget_usd": None}, RaceHints()),
    ],
)
def test_hints_are_read_from_the_body_in_seconds(
    omen: dict[str, Any] | None, meant: RaceHints
) -> None:
    assert ask(omen=omen).hints == meant


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("x-omen-strategy", "race", RaceHints(strategy="race")),
        ("x-omen-k", "3", RaceHints(k=3)),
        ("x-omen-intent", "tests", RaceHints(intent="tests")),
        ("x-omen-providers", "a, b ,c", RaceHints(providers=("a", "b", "c"))),
        ("x-omen-max-latency-ms", "250", RaceHints(max_latency=0.25)),
        ("x-omen-max_latency_ms", "250", RaceHints(max_latency=0.25)),
        ("x-omen-total-timeout-ms", "1e3", RaceHints(total_timeout=1.0)),
        ("x-omen-min-useful-tokens", "9", RaceHints(min_useful_tokens=9)),
        ("x-omen-explain", "true", RaceHints(explain=True)),
        ("x-omen-explain", "0", RaceHints(explain=False)),
    ],
)
def test_hints_are_read_from_headers_for_clients_that_cannot_change_the_body(
    name: str, value: str, meant: RaceHints
) -> None:
    assert ask({name: value}).hints == meant


def test_the_body_wins_over_the_headers_key_by_key() -> None:
    headers = {"x-omen-strategy": "race", "x-omen-k": "3", "x-omen-explain": "true"}
    hints = ask(headers, omen={"k": 4, "explain": False}).hints
    assert hints == RaceHints(strategy="race", k=4, explain=False)


def test_a_null_in_the_body_says_nothing_and_leaves_the_header_its_say() -> None:
    assert ask({"x-omen-k": "3"}, omen={"k": None}).hints.k == 3


@pytest.mark.parametrize(
    "name", ["x-omen", "x-omenk", "k", "omen-k", "x-omen-race-id", "x-omen-cost-usd"]
)
def test_a_header_that_is_no_hint_is_nobodys_business(name: str) -> None:
    assert ask({name: "7"}).hints == RaceHints()


@pytest.mark.parametrize(
    "name",
    ["x-omen-", "x-omen-stragety", "x-omen-model-fields", "x-omen-merge", "x-omen-" + "x" * 99],
)
def test_a_misspelt_hint_is_a_400_as_it_is_in_the_body(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask({name: "vote"})
    assert caught.value.param == name[:80]
    assert len(caught.value.message) < 120


def test_a_sessions_name_of_any_length_is_bounded() -> None:
    """What others call their session is theirs to choose; what is kept of it is not."""
    short, long = "s" * 512, "s" * 100_000
    assert ask({"x-session-id": short}).hints.session == short
    first, second = (ask({"x-session-id": name}).hints.session for name in (long, long + "s"))
    assert first is not None
    assert len(first) == 64
    assert first != second


def test_of_a_header_that_is_there_twice_the_last_counts() -> None:
    headers = header_map({"headers": [(b"x-omen-k", b"3"), (b"x-omen-k", b"4"), (b"x", b"\xff")]})
    assert headers == {"x-omen-k": "4", "x": "\xff"}
    assert ask(headers).hints.k == 4


def test_tags_are_kept_as_labels_and_may_say_the_intent() -> None:
    tags = {"intent": "architecture", "priority": "low-latency", "project": "p", "": "x"}
    assert ask(tags=tags).hints == RaceHints(intent="analysis", tags=tags)
    assert ask(tags={}).hints.tags == {}


@pytest.mark.parametrize(
    ("headers", "omen"), [({"x-omen-intent": "code"}, None), ({}, {"intent": "code"})]
)
def test_an_intent_in_the_hints_wins_over_one_in_the_tags(
    headers: dict[str, str], omen: dict[str, Any] | None
) -> None:
    assert ask(headers, omen=omen, tags={"intent": "tests"}).hints.intent == "code"
