"""Who exists: the configured providers, the models each lists, and candidates made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omen.candidates import PLAIN, Candidate, Endpoint, Quirks
from omen.cards import UNKNOWN, ModelCard
from omen.routing.cards import Cards


@dataclass(frozen=True, slots=True)
class CatalogProvider:
    """One configured provider. `models` are those it lists; it may serve others when asked."""

    name: str
    kind: str
    endpoints: tuple[Endpoint, ...]
    models: tuple[str, ...] = ()
    domain: str = ""
    timeout: float = 600.0
    first_token_timeout: float = 60.0
    stall_timeout: float = 60.0
    cards: Cards | None = None
    quirks: Quirks = PLAIN

    def card(self, model: str) -> ModelCard:
        """Give what is known of one of its models."""
        return UNKNOWN if self.cards is None else self.cards.of(model)

    def candidates(self, model: str) -> tuple[Candidate, ...]:
        """One candidate per endpoint, in the configured order."""
        return tuple(
            Candidate(
                provider=self.name,
                kind=self.kind,
                model=model,
                endpoint=endpoint,
                domain=self.domain or self.name,
                timeout=self.timeout,
                first_token_timeout=self.first_token_timeout,
                stall_timeout=self.stall_timeout,
                base_model=model if self.cards is None else self.cards.base_model(model),
                card=self.card(model),
                quirks=self.quirks,
            )
            for endpoint in self.endpoints
        )


class Catalog:
    """The providers by name, in the order of the configuration."""

    def __init__(self, providers: Sequence[CatalogProvider]) -> None:
        self._providers = {provider.name: provider for provider in providers}

    def __contains__(self, name: object) -> bool:
        return name in self._providers

    def __iter__(self) -> Iterator[CatalogProvider]:
        return iter(self._providers.values())

    def __getitem__(self, name: str) -> CatalogProvider:
        return self._providers[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Every configured provider's name."""
        return tuple(self._providers)
