"""What a model's name stands for: groups of candidates, in the order in which they are to be tried.

`auto`; `provider/model`, split at the first slash and only when what stands before it is a
configured provider; an alias; a bare id (every provider that lists it); or a comma-separated list
of these. Each name of a list is a group; who stands first in a group is for the router to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omen.core.candidates import Candidate
from omen.routing.models.catalog import Catalog, CatalogProvider

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Group:
    """The candidates of one name."""

    name: str
    candidates: Sequence[Candidate]

    @property
    def is_auto(self) -> bool:
        """Whether the caller left the choice to OMEN."""
        return self.name == AUTO


@dataclass(frozen=True, slots=True)
class Names:
    """Finds candidates by name."""

    catalog: Catalog
    aliases: Mapping[str, Sequence[str]]

    def groups(self, model: str) -> list[Group]:
        """Read what a caller gave as `model`; names that stand for nobody are empty groups."""
        return [Group(name, self.find(name)) for name in (p.strip() for p in model.split(","))]

    def find(self, name: str) -> list[Candidate]:
        """Find the candidates of one name, in the configured order."""
        aliased = self.aliases.get(name)
        if aliased is not None:
            return [candidate for target in aliased for candidate in self._by_id(target)]
        return self._by_id(name)

    def _by_id(self, name: str) -> list[Candidate]:
        provider, slash, model = name.partition("/")
        if slash and model and provider in self.catalog:
            return list(self.catalog[provider].candidates(model))
        if name == AUTO:
            chosen = ((p, model_for_auto(p)) for p in self.catalog)
            return [c for p, m in chosen if m is not None for c in p.candidates(m)]
        return [c for p in self.catalog if p.lists(name) for c in p.candidates(name)]


def model_for_auto(provider: CatalogProvider) -> str | None:
    """Say which of a provider's models `auto` means: the first that is configured.

    A list that was found begins with anything, a voice or an embedding: of one, the first that is
    known to call tools, which only models to chat with can.
    """
    if provider.models:
        return provider.models[0]
    able = (m for m in provider.listed if "tools" in (provider.card(m).abilities or ()))
    return next(able, None)
