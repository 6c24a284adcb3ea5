"""`OMEN_*` variables: which there are, which key each one sets, and where its value was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from omen.config._draft import Draft
from omen.config._wording import EnvText, KeyPath, dotted, nearest
from omen.providers import load_kinds

_SETTINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "OMEN_BIND": ("server", "bind"),
        "OMEN_PORT": ("server", "port"),
        "OMEN_DB_URL": ("ledger", "url"),
        "OMEN_REDIS_URL": ("cache", "redis_url"),
        "OMEN_ROUTER_PREFER_LOCAL_FOR": ("routing", "prefer_local_for"),
        "OMEN_BUDGET_MONTHLY_USD": ("routing", "budget_monthly_usd"),
    }
)


@lru_cache(maxsize=1)
def variables() -> Mapping[str, tuple[str, ...]]:
    """Return every variable there is, and the key that it sets; each kind of provider has some."""
    of_providers = {
        name: ("providers", kind, key)
        for kind, spec in load_kinds().items()
        for name, key in spec.setup.variables.items()
    }
    return MappingProxyType({**_SETTINGS, **of_providers})


def variable_of(path: KeyPath) -> str | None:
    """Return the variable that sets a key."""
    return next((name for name, sets in variables().items() if sets == path), None)


_PREFIX = "OMEN_"
_OF_COMMANDS = frozenset({"OMEN_KEY"})
"""What other commands read, and is no configuration."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The process environment over `.env`. An empty variable counts as one that is not set."""

    process: Mapping[str, str] = field(repr=False)
    dotenv: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        """Look a variable up, without the space around its value."""
        source = self.process if name in self.process else self.dotenv
        return source.get(name, "").strip() or None

    def place_of(self, name: str) -> str:
        """Say where a variable that is set was found."""
        origin = "environment" if name in self.process else ".env"
        return f"{origin} ({name})"

    def ours(self) -> list[str]:
        """Every variable whose name says that it is meant for OMEN."""
        names = {**self.dotenv, **self.process}
        return [name for name in names if self._is_ours(name)]

    def _is_ours(self, name: str) -> bool:
        is_set = self.get(name) is not None
        return name.startswith(_PREFIX) and name not in _OF_COMMANDS and is_set


def apply_variables(draft: Draft, environment: Environment, referenced: set[str]) -> None:
    """Write every known variable that is set over what the file says.

    `referenced` are the variables that `env:NAME` values of the file name: the file has already
    said whose key that is, so no provider is made up for it.
    """
    for name in sorted(environment.ours()):
        if name in variables():
            _apply(draft, environment, name, may_create=name not in referenced)
        elif name not in referenced:
            draft.warnings.append(_unknown(name))


def _apply(draft: Draft, environment: Environment, name: str, *, may_create: bool) -> None:
    path = variables()[name]
    *above, key = path
    if path[0] == "providers":
        if path[1] not in draft.provider_names() and not may_create:
            return
        if _is_another_kind(draft, path):
            draft.warnings.append(
                f"{name} is set but not used: {dotted(path[:2])} is of another kind; "
                f'give it {key} = "env:{name}" if it is meant for it'
            )
            return
    table: Any = draft.table
    for part in above:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            return  # a section that is no table is reported when it is validated
    text = environment.get(name)
    if text is not None:
        table[key] = EnvText(text)
        draft.origins[path] = environment.place_of(name)


def _is_another_kind(draft: Draft, path: tuple[str, ...]) -> bool:
    """Whether the section only shares its name with the vendor: its key would go to a stranger."""
    if path[1] not in draft.provider_names():
        return False
    section = draft.table["providers"][path[1]]
    return isinstance(section, dict) and section.get("kind", path[1]) != path[1]


def _unknown(name: str) -> str:
    # What all names share would make any two of them look alike.
    rest = {re.sub(f"^{_PREFIX}", "", known): known for known in variables()}
    suggestion = nearest(name.removeprefix(_PREFIX), rest)
    hint = f"; did you mean {rest[suggestion]}?" if suggestion else ""
    return f"{name} is no variable that OMEN knows{hint}"
