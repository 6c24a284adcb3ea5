"""Upstream wire formats: one module each, pure translation, no I/O."""

from omen.providers import probing
from omen.providers.counters import COUNTERS
from omen.providers.embedders import EMBEDDERS
from omen.providers.registry import KINDS, provider_spec
from omen.providers.shared.rate_limits import read_rate_limits
from omen.providers.spec import Decoder, ProviderSpec

__all__ = [
    "COUNTERS",
    "EMBEDDERS",
    "KINDS",
    "Decoder",
    "ProviderSpec",
    "probing",
    "provider_spec",
    "read_rate_limits",
]
