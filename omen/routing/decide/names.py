"""From the name of a model to groups of candidates, in the order in which the groups are tried.

A name is `auto`; or `provider/model`, split at the first slash, if the part before it is a
configured provider; or an alias; or a bare id, which means every provider that lists it; or a
comma-separated list of these. Each name of a list is one group. The router orders the candidates
within a group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from omen.core.candidates import Candidate
from omen.routing.models.catalog import Catalog, CatalogProvider

AUTO = "auto"
_LONGEST_COMPARED = 100
_MOST_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Group:
    """The candidates of one name."""

    name: str
    candidates: Sequence[Candidate]
    is_auto: bool = False
    """Whether the caller leaves the choice of the model to OMEN."""


@dataclass(frozen=True, slots=True)
class Names:
    """Finds candidates by name."""

    catalog: Catalog
    aliases: Mapping[str, Sequence[str]]

    def groups(self, model: str) -> list[Group]:
        """Return one group for each name in a caller's `model`. An unknown name has no candidates.

        The names are in the caller's order.
        """
        names = (part.strip() for part in model.split(","))
        return [Group(name, self.find(name), is_auto=name == AUTO) for name in names]

    def find(self, name: str) -> list[Candidate]:
        """Return the candidates of one name, in the configured order."""
        aliased = self.aliases.get(name)
        if aliased is not None:
            return [candidate for target in aliased for candidate in self._by_id(target)]
        return self._by_id(name)

    def similar(self, name: str, permitted: Callable[[str, Candidate], bool]) -> str | None:
        """Return the name that a caller probably meant, of those it may use; None if none is near.

        A long name, or a name beyond the first `_MOST_COMPARED`, is not compared: this is for a
        slip of the hand, and an error must stay cheap.
        """
        if len(name) > _LONGEST_COMPARED:
            return None
        known = [*self.aliases]
        for provider in self.catalog:
            known += provider.listed[:_MOST_COMPARED]
            known += [f"{provider.name}/{model}" for model in provider.listed[:_MOST_COMPARED]]
        spelling = {one.lower(): one for one in known[:_MOST_COMPARED]}
        for match in get_close_matches(name.lower(), spelling, n=3, cutoff=0.75):
            meant = spelling[match]
            if any(permitted(meant, candidate) for candidate in self.find(meant)):
                return meant
        return None

    def _by_id(self, name: str) -> list[Candidate]:
        provider, slash, model = name.partition("/")
        if slash and model and provider in self.catalog:
            return list(self.catalog[provider].candidates(model))
        if name == AUTO:
            models = ((p, model_for_auto(p)) for p in self.catalog)
            return [c for p, m in models if m is not None for c in p.candidates(m)]
        return [c for p in self.catalog if p.lists(name) for c in p.candidates(name)]


def model_for_auto(provider: CatalogProvider) -> str | None:
    """Return the model of a provider that `auto` stands for: the first configured one.

    Without configured models it is the first discovered one that is known to call tools. A
    discovered list may begin with a voice or an embedding model, and only chat models call tools.
    """
    if provider.models:
        return provider.models[0]
    able = (m for m in provider.listed if "tools" in (provider.card(m).abilities or ()))
    return next(able, None)
