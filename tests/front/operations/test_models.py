"""The list of models: what is told of each, in OpenAI's form and in Anthropic's."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pytest

from omen.config import RoutingSettings, Settings
from omen.core.callers import Caller
from omen.core.cards import ModelCard, Price, Rates
from omen.core.errors import RequestError
from omen.front.http.listed_models import Listed, listed_models
from omen.front.operations.models import anthropic_page, openai_model
from omen.gateway import Gateway, ServedModel

PRICE = Price(
    rates=Rates(input=Decimal(2), output=Decimal("7.5")),
    long_above=1000,
    long_rates=Rates(input=Decimal(4), output=Decimal(15)),
)
CARD = ModelCard(
    price=PRICE,
    context=2000,
    max_output=500,
    abilities=frozenset({"vision", "tools"}),
    retires="2027-01-01",
)
OTHER = ModelCard(context=1000, abilities=frozenset({"tools", "pdf"}))


@dataclass
class Serving:
    models: tuple[ServedModel, ...]
    aliases: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)


def told(*models: ServedModel) -> dict[str, dict[str, Any]]:
    listed = listed_models(cast(Gateway, Serving(models)))
    return {name: openai_model(entry, 7) for name, entry in listed.items()}


def test_what_is_known_of_a_model_is_told() -> None:
    assert told(ServedModel("a", "m", CARD))["a/m"] == {
        "id": "a/m",
        "object": "model",
        "created": 7,
        "owned_by": "a",
        "provider": "a",
        "context_length": 2000,
        "max_output_tokens": 500,
        "pricing": {
            "input": 2.0,
            "output": 7.5,
            "long": {"above_prompt_tokens": 1000, "input": 4.0, "output": 15.0},
        },
        "capabilities": ["tools", "vision"],
        "retires": "2027-01-01",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert set(told(ServedModel("a", "m"))["m"]) == {
        "id",
        "object",
        "created",
        "owned_by",
        "provider",
    }


def test_of_a_name_for_several_only_what_holds_for_all_is_told() -> None:
    shared = told(ServedModel("a", "m", CARD), ServedModel("b", "m", OTHER))["m"]
    assert shared["provider"] == "omen"
    assert shared["context_length"] == 1000
    assert shared["capabilities"] == ["tools"]
    assert "pricing" not in shared
    assert "max_output_tokens" not in shared


MODELS = [Listed(name, "p") for name in "abcde"]


def page(**asked: str) -> tuple[list[str], bool]:
    told = anthropic_page(MODELS, 7, asked)
    ids = [model["id"] for model in told["data"]]
    assert (told["first_id"], told["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return ids, told["has_more"]


def test_anthropics_list_goes_by_pages() -> None:
    assert page() == (list("abcde"), False)
    assert page(limit="2") == (["a", "b"], True)
    assert page(limit="2", after_id="b") == (["c", "d"], True)
    assert page(limit="2", after_id="d") == (["e"], False)
    assert page(limit="2", after_id="e") == ([], False)
    assert page(limit="2", before_id="d") == (["b", "c"], True)
    assert page(limit="9", before_id="c") == (["a", "b"], False)


@pytest.mark.parametrize(
    "asked", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"limit": "²"}, {"after_id": "z"}]
)
def test_a_page_that_cannot_be_names_what_is_wrong(asked: dict[str, str]) -> None:
    with pytest.raises(RequestError) as refused:
        page(**asked)
    assert refused.value.param in asked


def test_a_key_sees_what_it_may_use_and_nothing_else() -> None:
    models = (
        ServedModel("a", "m", CARD),
        ServedModel("b", "m", OTHER),
        ServedModel("b", "n", OTHER),
    )
    serving = Serving(models, ("fast", "mixed", "closed"))
    serving.settings = Settings(
        routing=RoutingSettings(
            aliases={"fast": ("b/n",), "mixed": ("b/n", "a/m"), "closed": ("b/n",)}
        )
    )
    gateway = cast(Gateway, serving)
    seen = listed_models(gateway, Caller(models=("a/*", "fast")))
    assert set(seen) == {"fast", "mixed", "m", "a/m"}
    assert seen["m"].owner == "a"
    assert set(listed_models(gateway)) == {"fast", "mixed", "closed", "m", "n", "a/m", "b/m", "b/n"}
