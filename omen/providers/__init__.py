"""Upstream wire formats: one module each, pure translation, no I/O."""

from omen.providers import probing
from omen.providers._counters import COUNTERS
from omen.providers._embedders import EMBEDDERS
from omen.providers._rate_limits import read_rate_limits
from omen.providers._registry import KINDS, provider_spec
from omen.providers._spec import Decoder, ProviderSpec

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
