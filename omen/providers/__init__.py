"""Upstream wire formats, a folder each, and vendors, a file each: pure translation, no I/O."""

from omen.providers.registry import KINDS, PROVIDER_GROUP, load_kinds
from omen.providers.shared.rate_limits import read_rate_limits
from omen.providers.spec import Decoder, ProviderSpec

__all__ = [
    "KINDS",
    "PROVIDER_GROUP",
    "Decoder",
    "ProviderSpec",
    "load_kinds",
    "read_rate_limits",
]
