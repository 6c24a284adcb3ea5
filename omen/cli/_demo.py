"""The built-in simulated providers, as settings that a gateway can run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from omen.config import ProviderSettings, Settings
from omen.sim import RunningUpstream

_PATHS = {"openai": "/v1", "anthropic": "", "ollama": "", "azure": "", "xai": "/v1"}
"""What the base URL of each kind ends in, behind the origin."""


def with_simulated(settings: Settings, fleet: Sequence[RunningUpstream]) -> Settings:
    """Put a running fleet in the place of the configured providers."""
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
