"""The shipped catalogue of models, how it is searched, and who may overrule it."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from omen.core.cards import FREE, UNKNOWN, ModelCard, Price, Rates
from omen.providers import KINDS
from omen.routing.models.cards import Cards, load_book

TABLE = json.loads(files("omen.routing.models").joinpath("models.json").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = TABLE["models"]


def test_every_row_says_where_it_is_from_and_the_table_when() -> None:
    assert TABLE["date"] == "2026-11-22"
    assert [row["id"] for row in ROWS if not row["source"]] == []


def test_no_model_has_two_rows() -> None:
    assert len({(row["kind"], row["id"]) for row in ROWS}) == len(ROWS) == len(load_book())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['kind']}/{row['id']}")
def test_the_prices_of_a_row_are_in_order(row: dict[str, Any]) -> None:
    assert row["input"] >= 0
    assert row["output"] >= 0
    assert row.get("cached_input", 0) <= row["input"]
    assert row.get("cache_write", row["input"]) >= row["input"]
    assert row.get("cache_write_1h", row["input"]) >= row["input"]
    if "long" in row:
        assert row["long"]["above"] > 0
        assert row["long"]["input"] > row["input"]
        assert row["long"]["output"] > row["output"]


def test_prices_are_the_decimals_that_are_written() -> None:
    price = Cards("openai").of("gpt-4.1").price
    assert price is not None
    assert price.rates == Rates(
        input=Decimal("2.0"), output=Decimal("8.0"), cached_input=Decimal("0.5")
    )


@pytest.mark.parametrize(
    ("kind", "model", "found"),
    [
        ("openai", "gpt-5.4-2026-03-05", ("openai", "gpt-5.4-2026-03-05")),
        ("openai", "gpt-5.6-sol-2026-07-09", ("openai", "gpt-5.6-sol")),
        ("anthropic", "claude-opus-5-5-20260901", ("anthropic", "claude-opus-5-5")),
        ("xai", "grok-4.6-latest", ("xai", "grok-4.6")),
        ("azure", "gpt-4o", ("azure", "gpt-4o")),
        ("azure", "gpt-6.2-sol", ("openai", "gpt-6.2-sol")),
    ],
)
def test_a_model_is_found_by_its_id_or_as_a_snapshot_of_its_family(
    kind: str, model: str, found: tuple[str, str]
) -> None:
    priced_as = KINDS[kind].terms.priced_as
    assert Cards(kind, priced_as=priced_as).of(model) == load_book()[found]


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("openai", "gpt-7"),
        ("openai", "ft:gpt-4o:us::abc"),
        ("openai", "gpt-5.4-large"),
        ("anthropic", "gpt-4o"),
        ("openai_compatible", "gpt-4o"),
        ("openai_compatible", "openai/gpt-4o"),
    ],
)
def test_what_is_not_in_the_catalogue_is_not_guessed(kind: str, model: str) -> None:
    assert Cards(kind).of(model) == UNKNOWN


def test_a_model_of_ones_own_machine_is_free_and_nothing_else_is_known_of_it() -> None:
    assert KINDS["ollama"].terms.is_free
    assert Cards("ollama", unlisted=FREE).of("llama3.1:8b") == FREE


def test_a_deployment_is_what_it_is_a_deployment_of() -> None:
    cards = Cards("azure", base_models={"fast": "gpt-5.4-mini"}, priced_as="openai")
    assert cards.base_model("fast") == "gpt-5.4-mini"
    listed = Cards("azure", priced_as="openai")
    assert cards.of("fast") == listed.of("gpt-5.4-mini") != UNKNOWN
    assert cards.of("slow") == UNKNOWN


def test_what_the_operator_says_overrules_and_what_he_does_not_say_stays() -> None:
    price = Price(rates=Rates(input=Decimal(1), output=Decimal(1)))
    said = {"gpt-4o": ModelCard(price=price), "mine": ModelCard(context=4096)}
    cards = Cards("openai", overrides=said)
    listed = Cards("openai").of("gpt-4o")
    assert cards.of("gpt-4o").price == price
    assert cards.of("gpt-4o").abilities == listed.abilities
    assert cards.of("gpt-4o").source == "configuration"
    assert cards.of("mine") == ModelCard(context=4096, source="configuration")
