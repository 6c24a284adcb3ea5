"""The configured providers, the models that each lists, and the candidates made from both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from omen.core.candidates import PLAIN, Candidate, Endpoint, Quirks
from omen.core.cards import UNKNOWN, ModelCard
from omen.routing.models.cards import Cards

MAX_REMEMBERED = 256
"""The number of models whose candidates a provider remembers. Callers choose the names."""
MAX_REMEMBERED_NAME = 200
"""The longest name that is remembered, in characters."""


@dataclass(frozen=True, slots=True)
class CatalogProvider:
    """One configured provider.

    `models` are the models that it lists. It may serve others, if a caller names them.
    """

    name: str
    kind: str
    endpoints: tuple[Endpoint, ...]
    models: tuple[str, ...] = ()
    domain: str = ""
    timeout: float = inf
    first_token_timeout: float = 60.0
    stall_timeout: float = 60.0
    working_timeout: float = 600.0
    waits_for_thinking: bool = True
    """Whether a model that thinks has the working timeout until its first token."""
    cards: Cards | None = None
    quirks: Quirks = PLAIN
    default_tag: str = ""
    """The tag that a model's name without a tag stands for, where names have tags."""
    discovered: dict[str, Mapping[str, ModelCard]] = field(default_factory=dict, compare=False)
    """The models that probes discovered, by the URL of the endpoint that has them. Only `discover`
    changes it."""
    _remembered: dict[str, tuple[Candidate, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def discover(self, base_url: str, cards: Mapping[str, ModelCard]) -> None:
        """Replace the models of an endpoint, while the gateway serves."""
        self.discovered[base_url] = cards
        self._remembered.clear()

    @property
    def listed(self) -> tuple[str, ...]:
        """The models that the provider lists: the configured ones, else the discovered ones."""
        return self.models or tuple(
            dict.fromkeys(m for cards in self.discovered.values() for m in cards)
        )

    def lists(self, model: str) -> bool:
        """Return whether a model is listed, under this name or under it with the default tag."""
        names = {model, self._tagged(model)}
        if self.models:
            return not names.isdisjoint(self.models)
        return any(name in cards for cards in self.discovered.values() for name in names)

    def card(self, model: str) -> ModelCard:
        """Return the card of a model: configured, else shipped, completed by what was discovered.

        Discovery adds a context length and abilities where the card has none. It replaces nothing.
        """
        card = UNKNOWN if self.cards is None else self.cards.of(model)
        tagged = self._tagged(model)
        matches = (cards.get(model) or cards.get(tagged) for cards in self.discovered.values())
        discovered = next((match for match in matches if match is not None), None)
        if discovered is None:
            return card
        return replace(
            card,
            context=card.context or discovered.context,
            abilities=discovered.abilities if card.abilities is None else card.abilities,
        )

    def _tagged(self, model: str) -> str:
        return f"{model}:{self.default_tag}" if self.default_tag and ":" not in model else model

    def _endpoints_with(self, model: str) -> tuple[Endpoint, ...]:
        """Return the endpoints that may have a model; all of them, if each is known to lack it."""
        names = {model, self._tagged(model)}
        # An endpoint that no probe has listed yet may have any model, hence the default `names`.
        eligible = tuple(
            endpoint
            for endpoint in self.endpoints
            if not names.isdisjoint(self.discovered.get(endpoint.base_url, names))
        )
        return eligible or self.endpoints

    def _first_token_timeout(self, card: ModelCard) -> float:
        """Return the timeout of a model's first token; a model that thinks may think in silence."""
        if self.waits_for_thinking and "reasoning" in (card.abilities or ()):
            return max(self.first_token_timeout, self.working_timeout)
        return self.first_token_timeout

    def candidates(self, model: str) -> tuple[Candidate, ...]:
        """Return one candidate per endpoint, in the configured order.

        They are remembered, because every request asks for them and they seldom change.
        """
        remembered = self._remembered.get(model)
        if remembered is not None:
            return remembered
        candidates = self._make_candidates(model)
        if len(model) <= MAX_REMEMBERED_NAME:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[model] = candidates
        return candidates

    def _make_candidates(self, model: str) -> tuple[Candidate, ...]:
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
                first_token_timeout=self._first_token_timeout(card),
                stall_timeout=self.stall_timeout,
                working_timeout=self.working_timeout,
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
        for provider in providers:
            # Made now, so that the first request does not pay for it.
            for model in provider.models[:MAX_REMEMBERED]:
                provider.candidates(model)

    def replace(self, providers: Sequence[CatalogProvider]) -> None:
        """Replace the providers. Models discovered at an endpoint that remains stay known."""
        for provider in providers:
            before = self._providers.get(provider.name)
            if before is not None and before.kind == provider.kind:
                urls = {endpoint.base_url for endpoint in provider.endpoints}
                for url, cards in before.discovered.items():
                    if url in urls:
                        provider.discover(url, cards)
        self._providers = {provider.name: provider for provider in providers}

    def __contains__(self, name: object) -> bool:
        return name in self._providers

    def __iter__(self) -> Iterator[CatalogProvider]:
        return iter(self._providers.values())

    def __getitem__(self, name: str) -> CatalogProvider:
        return self._providers[name]

    def lists(self, provider: str, model: str) -> bool:
        """Return whether a provider of this name lists a model."""
        return provider in self._providers and self._providers[provider].lists(model)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all configured providers."""
        return tuple(self._providers)
