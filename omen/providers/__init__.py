"""Upstream wire formats: one module each, pure translation, no I/O."""

from omen.providers import anthropic, probing
from omen.providers._embedders import EMBEDDERS
from omen.providers._rate_limits import read_rate_limits
from omen.providers._registry import KINDS, provider_spec
from omen.providers._spec import Decoder, ProviderSpec

__all__ = [
    "EMBEDDERS",
    "KINDS",
    "Decoder",
    "ProviderSpec",
    "anthropic",
    "probing",
    "provider_spec",
    "read_rate_limits",
]
