"""Who exists: the configured providers, the models each lists, and candidates made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from omen.core.candidates import PLAIN, Candidate, Endpoint, Quirks
from omen.core.cards import UNKNOWN, ModelCard
from omen.routing.models.cards import Cards


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
    default_tag: str = ""
    """What a model's name without a tag stands for, where names have tags."""
    discovered: dict[str, Mapping[str, ModelCard]] = field(default_factory=dict, compare=False)
    """The models that probes have found, by the URL of the endpoint that has them. Grows."""

    @property
    def listed(self) -> tuple[str, ...]:
        """The models it lists: those that are configured, else those that were found."""
        return self.models or tuple(
            dict.fromkeys(m for one in self.discovered.values() for m in one)
        )

    def lists(self, model: str) -> bool:
        """Whether a model is listed, by its own name or with the tag that it stands for."""
        names = {model, self._tagged(model)}
        if self.models:
            return not names.isdisjoint(self.models)
        return any(name in one for one in self.discovered.values() for name in names)

    def card(self, model: str) -> ModelCard:
        """Give what is known of one of its models: said, shipped, or found."""
        known = UNKNOWN if self.cards is None else self.cards.of(model)
        found = (one.get(model) or one.get(self._tagged(model)) for one in self.discovered.values())
        seen = next((card for card in found if card is not None), None)
        if seen is None:
            return known
        return replace(
            known,
            context=known.context or seen.context,
            abilities=seen.abilities if known.abilities is None else known.abilities,
        )

    def _tagged(self, model: str) -> str:
        return f"{model}:{self.default_tag}" if self.default_tag and ":" not in model else model

    def _endpoints_with(self, model: str) -> tuple[Endpoint, ...]:
        """Leave out endpoints that are known not to have a model, unless none has it."""
        names = {model, self._tagged(model)}
        having = tuple(
            endpoint
            for endpoint in self.endpoints
            if not names.isdisjoint(self.discovered.get(endpoint.base_url, names))
        )
        return having or self.endpoints

    def candidates(self, model: str) -> tuple[Candidate, ...]:
        """One candidate per endpoint, in the configured order."""
        base_model = model if self.cards is None else self.cards.base_model(model)
        card = self.card(model)
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
                base_model=base_model,
                card=card,
                quirks=self.quirks,
            )
            for endpoint in self._endpoints_with(model)
        )


class Catalog:
    """The providers by name, in the order of the configuration."""

    def __init__(self, providers: Sequence[CatalogProvider]) -> None:
        self._providers = {provider.name: provider for provider in providers}

    def replace(self, providers: Sequence[CatalogProvider]) -> None:
        """Take others in their place; what was found at an endpoint that stays is still known."""
        for provider in providers:
            before = self._providers.get(provider.name)
            if before is not None and before.kind == provider.kind:
                urls = {endpoint.base_url for endpoint in provider.endpoints}
                known = before.discovered.items()
                provider.discovered.update({url: seen for url, seen in known if url in urls})
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
