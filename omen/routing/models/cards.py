"""What is known of models: the catalogue that is shipped, and what an operator says instead.

The catalogue is `models.json`, next to this file: one row a model, with where each row is from. A
model that has no row may be a snapshot of one that has: `gpt-5.4-2026-03-05` is looked up as
`gpt-5.4`. Further than that nothing is guessed, because a wrong price is worse than none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from omen.core.cards import UNKNOWN, ModelCard, Price, Rates

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d\d-\d\d|20\d{6}|latest)$")
Book = Mapping[tuple[str, str], ModelCard]


@lru_cache(maxsize=1)
def load_book() -> Book:
    """Read the shipped catalogue, once: cards by (kind of provider, model)."""
    text = files("omen.routing.models").joinpath("models.json").read_text(encoding="utf-8")
    table = json.loads(text, parse_float=Decimal)
    rows = ((row["kind"], row["id"], read_row(row, table["date"])) for row in table["models"])
    return MappingProxyType({(kind, model): card for kind, model, card in rows})


def read_row(row: Mapping[str, Any], date: str) -> ModelCard:
    """Make a card of one row of the catalogue."""
    long = row.get("long")
    return ModelCard(
        price=Price(
            rates=_rates(row),
            long_above=long["above"] if long else None,
            long_rates=_rates(long) if long else None,
        ),
        context=row.get("context"),
        max_input=row.get("max_input"),
        max_output=row.get("max_output"),
        abilities=frozenset(row["abilities"]),
        retires=row.get("retires"),
        source=f"{row['source']} ({date})",
    )


def _rates(row: Mapping[str, Any]) -> Rates:
    named = ("input", "output", "cached_input", "cache_write", "cache_write_1h")
    return Rates(**{name: Decimal(row[name]) for name in named if name in row})


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one provider's models.

    `base_models` says what a name of its own (an Azure deployment) is known as to the vendor.
    `overrides` are what the operator configured, by the provider's own name; a field that is not
    None there is believed. `priced_as` is the kind whose rows hold where its own kind has none,
    `unlisted` the card of a model that has no row at all.
    """

    kind: str
    base_models: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, ModelCard] = field(default_factory=dict)
    book: Book = field(default_factory=load_book, repr=False)
    priced_as: str | None = None
    unlisted: ModelCard = UNKNOWN

    def base_model(self, model: str) -> str:
        """Give the name under which the vendor knows a model."""
        return self.base_models.get(model, model)

    def of(self, model: str) -> ModelCard:
        """Give what is known of a model; never fails."""
        found = self._find(self.base_model(model)) or self.unlisted
        said = self.overrides.get(model)
        return found if said is None else _overridden(found, said)

    def _find(self, model: str) -> ModelCard | None:
        for kind in filter(None, (self.kind, self.priced_as)):
            for name in _names(model):
                if (kind, name) in self.book:
                    return self.book[kind, name]
        return None


def _names(model: str) -> list[str]:
    """List what a model may be called in the catalogue, the most exact name first."""
    # A fine-tuned model (`ft:…`) costs more than what it was made from, and by how much is in no
    # list. Its family is not looked up.
    family = _SNAPSHOT.sub("", model)
    return [model] if family == model else [model, family]


def _overridden(found: ModelCard, said: ModelCard) -> ModelCard:
    fields = ("price", "context", "max_input", "max_output", "abilities")
    changes = {name: getattr(said, name) for name in fields if getattr(said, name) is not None}
    return replace(found, **changes, source="configuration") if changes else found
