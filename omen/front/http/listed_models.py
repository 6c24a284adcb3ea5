"""The names of models that a client can ask for, and who stands behind each; for every dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from omen.core.callers import ANYBODY, Caller
from omen.core.cards import ModelCard
from omen.gateway import Gateway

_SEVERAL = "omen"
"""The owner of a name behind which there are several providers."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A name that a client can ask for. `cards` are those of everybody behind it."""

    name: str
    owner: str
    cards: tuple[ModelCard, ...] = ()

    @property
    def context(self) -> int | None:
        """The tokens that prompt and answer may have, whoever answers; None where not known."""
        return least(card.context for card in self.cards)

    @property
    def abilities(self) -> frozenset[str] | None:
        """What all can do who may answer; None where it is not known of all."""
        known = [card.abilities for card in self.cards if card.abilities is not None]
        if not known or len(known) < len(self.cards):
            return None
        return frozenset.intersection(*known)


def listed_models(gateway: Gateway, caller: Caller = ANYBODY) -> dict[str, Listed]:
    """Return every name that a caller can request, with the owner and the cards behind it.

    `provider/model` is exact; a bare id that several providers serve is a choice among them, and
    so is an alias. What the caller's key may not use is left out.
    """
    served = [model for model in gateway.models if caller.may_use(model.provider, model.model)]
    counts = Counter(model.model for model in served)
    names = {
        alias: Listed(alias, _SEVERAL)
        for alias in gateway.aliases
        if _may_use_some(gateway, caller, alias)
    }
    for model in served:
        if counts[model.model] == 1:
            names[model.model] = Listed(model.model, model.provider, (model.card,))
        else:
            others = names.get(model.model, Listed(model.model, _SEVERAL)).cards
            names[model.model] = Listed(model.model, _SEVERAL, (*others, model.card))
    for model in served:
        exact = f"{model.provider}/{model.model}"
        names[exact] = Listed(exact, model.provider, (model.card,))
    return names


def _may_use_some(gateway: Gateway, caller: Caller, alias: str) -> bool:
    """Return whether a caller may use an alias: by its name, or some model of it by its own."""
    if not caller.models or caller.may_use_alias(alias):
        return True
    targets = gateway.settings.routing.aliases.get(alias, ())
    split = (target.partition("/") for target in targets)
    return any(caller.may_use(provider, model) for provider, _, model in split)


def least(values: Iterable[int | None]) -> int | None:
    """Return the least of these limits; None when one of them is not known."""
    limits = list(values)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known and len(known) == len(limits) else None
