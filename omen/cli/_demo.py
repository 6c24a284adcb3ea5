"""The built-in simulated providers, as settings that a gateway can run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from omen.config import Price, ProviderSettings, Settings

if TYPE_CHECKING:
    from omen.sim import RunningUpstream

_PRICES = {
    "openai": Price(input=Decimal("1.25"), output=Decimal(10), cached_input=Decimal("0.125")),
    "anthropic": Price(input=Decimal(3), output=Decimal(15), cached_input=Decimal("0.3")),
}
"""Prices of the simulated providers, so that a demo has costs to show."""
_PATHS = {"openai": "/v1", "anthropic": "", "ollama": "", "azure": "", "xai": "/v1"}
"""The path of each kind's base URL."""


def with_simulated(settings: Settings, fleet: Sequence[RunningUpstream]) -> Settings:
    """Return the settings with a running fleet in place of the configured providers."""
    providers = {
        upstream.name: ProviderSettings(
            name=upstream.name,
            kind=upstream.kind,
            base_urls=(upstream.base_url + _PATHS[upstream.kind],),
            models=upstream.models,
        )
        for upstream in fleet
    }
    return replace(settings, providers=providers)


def with_prices(settings: Settings) -> Settings:
    """Return the settings with prices for the simulated vendors. The local Ollama stays free."""
    providers = {
        name: replace(provider, prices=dict.fromkeys(provider.models, _PRICES[provider.kind]))
        if provider.kind in _PRICES
        else provider
        for name, provider in settings.providers.items()
    }
    return replace(settings, providers=providers)
