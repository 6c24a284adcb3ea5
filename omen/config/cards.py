"""An operator's prices and cards of models, converted to the types of `omen.core`."""

from __future__ import annotations

from collections.abc import Mapping

from omen.config.settings import Card, Price, ProviderSettings
from omen.core.cards import ModelCard, Rates
from omen.core.cards import Price as ModelPrice

_NOTHING = Card()


def configured_cards(provider: ProviderSettings) -> Mapping[str, ModelCard]:
    """Return a card for each model with a configured price or card. Unset values are None."""
    return {
        model: _card(provider.cards.get(model, _NOTHING), provider.prices.get(model))
        for model in (*provider.prices, *provider.cards)
    }


def _card(card: Card, price: Price | None) -> ModelCard:
    return ModelCard(
        price=None if price is None else _price(price),
        context=card.context,
        max_input=card.max_input,
        max_output=card.max_output,
        abilities=card.abilities,
    )


def _price(price: Price) -> ModelPrice:
    rates = Rates(
        input=price.input,
        output=price.output,
        cached_input=price.cached_input,
        cache_write=price.cache_write,
        cache_write_1h=price.cache_write_1h,
    )
    if price.long_above is None:
        return ModelPrice(rates=rates)
    long_rates = Rates(
        input=price.input if price.long_input is None else price.long_input,
        output=price.output if price.long_output is None else price.long_output,
        cached_input=price.long_cached_input,
    )
    return ModelPrice(rates=rates, long_above=price.long_above, long_rates=long_rates)
