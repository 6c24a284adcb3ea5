"""`[providers.NAME.prices.MODEL]` and `[providers.NAME.cards.MODEL]`; see `settings.py`."""

from __future__ import annotations

from dataclasses import dataclass

from omen.config._section import Section
from omen.config._values import Abilities, Count, Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Section):
    """The prices of one model, in US dollars per million tokens."""

    input: Usd
    """Prompt tokens."""
    output: Usd
    """Generated tokens, reasoning included."""
    cached_input: Usd | None = None
    """Prompt tokens read from the provider's cache. None: as `input`."""
    cache_write: Usd | None = None
    """Prompt tokens written to the provider's cache. None: as `input`."""
    cache_write_1h: Usd | None = None
    """Prompt tokens written to the cache for an hour. None: as `cache_write`."""
    long_above: Count | None = None
    """Prompt tokens above which the `long_` prices apply to the whole request."""
    long_input: Usd | None = None
    """As `input`, for a long prompt. None: as `input`."""
    long_output: Usd | None = None
    """As `output`, for a long prompt. None: as `output`."""
    long_cached_input: Usd | None = None
    """As `cached_input`, for a long prompt. None: as `long_input`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Section):
    """The limits and abilities of one model that the built-in catalogue lacks or has wrong."""

    context: Count | None = None
    """Tokens of prompt and answer together."""
    max_input: Count | None = None
    """Tokens of a prompt."""
    max_output: Count | None = None
    """Tokens of an answer."""
    abilities: Abilities | None = None
    """All abilities of the model. None: as in the catalogue."""
