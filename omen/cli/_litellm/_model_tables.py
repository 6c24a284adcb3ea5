"""Prices, cards and vendor names of one deployment's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.cli._litellm._account import Account
from omen.cli._litellm._providers import Provider, Value
from omen.cli._litellm._values import count, is_name, per_million, table
from omen.cli._litellm._yaml import Place

_PRICES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
}
_LONG = {
    "input_cost_per_token_above_200k_tokens": "long_input",
    "output_cost_per_token_above_200k_tokens": "long_output",
}
_LONG_ABOVE = 200_000
_CARD = {
    "max_input_tokens": "max_input",
    "max_output_tokens": "max_output",
    "max_tokens": "max_output",
}


def note_model_tables(
    account: Account,
    place: Place,
    entry: Mapping[str, Any],
    *,
    provider: Provider,
    model: str,
    params: Mapping[str, Any],
) -> None:
    """Add what an entry says about its model to the provider's tables."""
    info, at = table(entry.get("model_info")), (*place, "model_info")
    section = f"[providers.{provider.name}.{{}}.{model}]"
    for where, values in (((*place, "litellm_params"), params), (at, info)):
        _prices(account, where, values, provider=provider, model=model)
    if "mode" in info:
        is_embedding = info["mode"] == "embedding"
        if is_embedding:
            provider.cards.setdefault(model, {})["abilities"] = ("embeddings",)
        text = f"{section.format('cards')} abilities" if is_embedding else "chat is the default"
        account.mapped((*at, "mode"), text)
    for name, key in _CARD.items():
        if name in info:
            tokens = count(info[name])
            if tokens is None:
                account.none((*at, name), "no number of at least 1")
            else:
                provider.cards.setdefault(model, {}).setdefault(key, tokens)
                account.mapped((*at, name), f"{section.format('cards')} {key}")
    base = info.get("base_model")
    base = base.rpartition("/")[2] if isinstance(base, str) else None
    if is_name(base):
        provider.base_models[model] = base
        account.mapped((*at, "base_model"), f"[providers.{provider.name}.base_models]")


def _prices(
    account: Account,
    place: Place,
    values: Mapping[str, Any],
    *,
    provider: Provider,
    model: str,
) -> None:
    section = f"[providers.{provider.name}.prices.{model}]"
    named = {name: key for name, key in {**_PRICES, **_LONG}.items() if name in values}
    prices: dict[str, Value] = {}
    for name, key in named.items():
        price = per_million(values[name])
        if price is not None:
            prices[key] = price
    if not {"input", "output"} <= {*prices, *provider.prices.get(model, ())}:
        for name in named:
            account.none((*place, name), "a price needs both input and output, as numbers")
        return
    known = provider.prices.setdefault(model, {})
    for name, key in named.items():
        if key not in prices:
            account.none((*place, name), "no price of at least 0")
            continue
        known.setdefault(key, prices[key])
        if key.startswith("long_"):
            known["long_above"] = _LONG_ABOVE
        account.mapped((*place, name), f"{section} {key}, by million tokens")
