"""The known facts about a model: its price, its context length and its abilities.

Plain values. This module does not depend on their source, which is the shipped catalogue, the
configuration or a provider's own model list.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from omen.core.events import Usage

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars per million tokens. A rate that is None equals another rate, as noted below it."""

    input: Decimal
    """Prompt tokens that were not read from a cache."""
    output: Decimal
    """Generated tokens, reasoning included."""
    cached_input: Decimal | None = None
    """Prompt tokens read from the provider's cache. None: as `input`."""
    cache_write: Decimal | None = None
    """Prompt tokens written to the provider's cache. None: as `input`."""
    cache_write_1h: Decimal | None = None
    """Written prompt tokens that the cache keeps for an hour. None: as `cache_write`."""

    def cost(self, usage: Usage) -> Decimal:
        """Return the cost of an answer in US dollars, unrounded."""
        read = usage.prompt_details.get("cached_tokens", 0)
        written = usage.prompt_details.get("cache_write_tokens", 0)
        kept = min(usage.cache_write_1h_tokens, written)
        fresh = max(0, usage.prompt_tokens - read - written)
        write_rate = _first(self.cache_write, self.input)
        total = (
            fresh * self.input
            + read * _first(self.cached_input, self.input)
            + (written - kept) * write_rate
            + kept * _first(self.cache_write_1h, write_rate)
            + usage.completion_tokens * self.output
        )
        return total / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The rates of a model, and its rates for long prompts."""

    rates: Rates
    long_above: int | None = None
    """Prompt tokens above which `long_rates` apply to the whole request."""
    long_rates: Rates | None = None

    @property
    def is_free(self) -> bool:
        """Whether every request costs nothing, however many tokens it uses."""
        rates = (self.rates, self.long_rates or self.rates)
        return not any(rate.input or rate.output or rate.cache_write for rate in rates)

    def cost(self, usage: Usage) -> Decimal:
        """Return the cost of an answer in US dollars. The provider's own bill takes precedence."""
        if usage.billed_usd is not None:
            return usage.billed_usd
        return self.rates_at(usage.prompt_tokens).cost(usage)

    def rates_at(self, prompt_tokens: int) -> Rates:
        """Return the rates for a prompt of this length."""
        if self.long_rates and self.long_above is not None and prompt_tokens > self.long_above:
            return self.long_rates
        return self.rates


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The facts about one model of one kind of provider. None means unknown."""

    price: Price | None = None
    context: int | None = None
    """Tokens of prompt and answer together."""
    max_input: int | None = None
    max_output: int | None = None
    abilities: frozenset[str] | None = None
    """`tools`, `parallel_tools`, `vision`, `pdf`, `reasoning`, `json_schema`, `prompt_cache`,
    `embeddings`."""
    retires: str | None = None
    """The day on which the vendor switches the model off, as YYYY-MM-DD."""
    source: str = ""
    """The origin of these facts."""


UNKNOWN = ModelCard()
FREE = ModelCard(price=Price(rates=Rates(input=Decimal(0), output=Decimal(0))), source="local")
"""A model that runs on the operator's own machine, which bills nothing."""


def _first(rate: Decimal | None, fallback: Decimal) -> Decimal:
    return fallback if rate is None else rate
