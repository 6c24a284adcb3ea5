"""Every kind of provider there is, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from omen.providers import anthropic, azure, ollama, openai, openai_compatible, xai
from omen.providers.spec import ProviderSpec

_SPECS: tuple[ProviderSpec, ...] = (anthropic, azure, ollama, openai, openai_compatible, xai)

KINDS: Mapping[str, ProviderSpec] = MappingProxyType({spec.NAME: spec for spec in _SPECS})


def provider_spec(kind: str) -> ProviderSpec:
    """Look a kind up.

    **Raises.** `LookupError`, naming the kinds there are.
    """
    try:
        return KINDS[kind]
    except KeyError:
        known = ", ".join(sorted(KINDS))
        raise LookupError(f"no provider kind {kind!r}; there are {known}") from None
