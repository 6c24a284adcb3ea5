"""The providers of the new configuration, gathered from deployments that share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Value = str | int | float | Decimal | tuple[str, ...]
Identity = tuple[object, ...]


@dataclass(slots=True)
class Provider:
    """One section `[providers.NAME]`."""

    name: str
    kind: str
    keys: dict[str, Value]
    """Its keys but for models and tables."""
    lines: list[int] = field(default_factory=list)
    """The lines of the deployments that it stands for."""
    models: dict[str, None] = field(default_factory=dict)
    lists_all: bool = False
    """Whether a deployment stands for all of its models."""
    prices: dict[str, dict[str, Value]] = field(default_factory=dict)
    cards: dict[str, dict[str, Value]] = field(default_factory=dict)
    base_models: dict[str, str] = field(default_factory=dict)
    drop: dict[str, None] = field(default_factory=dict)


class Providers:
    """All of them, by what tells two apart: kind, address, key and timeouts."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """`taken` are the variables that mean something already."""
        self._taken = set(taken)
        self._by_identity: dict[Identity, Provider] = {}
        self._names: set[str] = set()
        self._domains: dict[Identity, str] = {}
        self._variables: dict[str, str] = {}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_identity.values())

    def get(self, name: str, kind: str, keys: Mapping[str, Value]) -> Provider:
        """Return the provider with these keys; a new one gets a name that is free."""
        identity: Identity = (kind, *sorted(keys.items(), key=lambda item: item[0]))
        if identity not in self._by_identity:
            provider = Provider(self._free(name), kind, dict(keys))
            # Two keys of one server fail together: a hedge should not go from one to the other.
            address = (kind, *(keys.get(key) for key in ("base_url", "endpoint", "endpoints")))
            domain = self._domains.setdefault(address, provider.name)
            if domain != provider.name:
                provider.keys["domain"] = domain
            self._by_identity[identity] = provider
        return self._by_identity[identity]

    def variable_for(self, name: str, secret: str) -> str:
        """Return a variable that stands for a secret of the other file: the same for the same."""
        if secret not in self._variables:
            candidates = (name if number == 1 else f"{name}_{number}" for number in range(1, 10**6))
            self._variables[secret] = next(one for one in candidates if one not in self._taken)
            self._taken.add(self._variables[secret])
        return self._variables[secret]

    def _free(self, name: str) -> str:
        candidates = (name if number == 1 else f"{name}-{number}" for number in range(1, 10**6))
        free = next(one for one in candidates if one not in self._names)
        self._names.add(free)
        return free
