"""Facts about models: the shipped catalogue, and what an operator configures instead of it.

The catalogue is `models.json`, next to this file: one row per model, each with its source. A model
without a row may be a snapshot of a model that has one: `gpt-5.4-2026-03-05` is looked up as
`gpt-5.4`. Nothing else is guessed, because a wrong price is worse than no price.
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
    """Return the shipped catalogue: cards by (kind of provider, model). The file is read once."""
    text = files("omen.routing.models").joinpath("models.json").read_text(encoding="utf-8")
    table = json.loads(text, parse_float=Decimal)
    rows = ((row["kind"], row["id"], read_row(row, table["date"])) for row in table["models"])
    return MappingProxyType({(kind, model): card for kind, model, card in rows})


def read_row(row: Mapping[str, Any], date: str) -> ModelCard:
    """Return the card of one catalogue row. `date` is the date of the catalogue."""
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
    columns = ("input", "output", "cached_input", "cache_write", "cache_write_1h")
    return Rates(**{name: Decimal(row[name]) for name in columns if name in row})


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one provider's models.

    `base_models` maps a name that only this provider uses (an Azure deployment) to the vendor's
    name of the model. `overrides` are the operator's cards, by the provider's name of the model; a
    field that is not None there replaces the catalogue's. `priced_as` is the kind whose rows apply
    where the provider's own kind has no row. `unlisted` is the card of a model without any row.
    """

    kind: str
    base_models: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, ModelCard] = field(default_factory=dict)
    book: Book = field(default_factory=load_book, repr=False)
    priced_as: str | None = None
    unlisted: ModelCard = UNKNOWN

    def base_model(self, model: str) -> str:
        """Return the vendor's name of a model."""
        return self.base_models.get(model, model)

    def of(self, model: str) -> ModelCard:
        """Return the card of a model. It never raises: an unknown model has the `unlisted` card."""
        card = self._find(self.base_model(model)) or self.unlisted
        override = self.overrides.get(model)
        return card if override is None else _overridden(card, override)

    def _find(self, model: str) -> ModelCard | None:
        for kind in filter(None, (self.kind, self.priced_as)):
            for name in _names(model):
                if (kind, name) in self.book:
                    return self.book[kind, name]
        return None


def _names(model: str) -> list[str]:
    """Return the names a model may have in the catalogue, the most exact name first."""
    # A fine-tuned model (`ft:…`) costs more than its base model, and no price list says how much
    # more. So the base model of a fine-tuned model is not looked up.
    family = _SNAPSHOT.sub("", model)
    return [model] if family == model else [model, family]


def _overridden(card: ModelCard, override: ModelCard) -> ModelCard:
    fields = ("price", "context", "max_input", "max_output", "abilities")
    values = ((name, getattr(override, name)) for name in fields)
    changes = {name: value for name, value in values if value is not None}
    return replace(card, **changes, source="configuration") if changes else card
