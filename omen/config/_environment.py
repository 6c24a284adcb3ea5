"""`OMEN_*` variables: their names, the key that each one sets, and the origin of their values."""

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
        "OMEN_HOSTS": ("server", "hosts"),
        "OMEN_ADMIN_KEY": ("auth", "admin_key"),
        "OMEN_DB_URL": ("ledger", "url"),
        "OMEN_REDIS_URL": ("cache", "redis_url"),
        "OMEN_ROUTER_PREFER_LOCAL_FOR": ("routing", "prefer_local_for"),
        "OMEN_BUDGET_MONTHLY_USD": ("routing", "budget_monthly_usd"),
    }
)


@lru_cache(maxsize=1)
def variables() -> Mapping[str, tuple[str, ...]]:
    """Return every known variable with the key that it sets. Each kind of provider has its own."""
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
"""Variables that other commands read. They are not part of the configuration."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The process environment, which overrides `.env`. An empty variable counts as not set."""

    process: Mapping[str, str] = field(repr=False)
    dotenv: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return the value of a variable without surrounding space; None if it is not set."""
        source = self.process if name in self.process else self.dotenv
        return source.get(name, "").strip() or None

    def origin_of(self, name: str) -> str:
        """Return the origin of a variable that is set, for messages."""
        origin = "environment" if name in self.process else ".env"
        return f"{origin} ({name})"

    def ours(self) -> list[str]:
        """Return the names of the set variables whose prefix marks them as meant for OMEN."""
        names = {**self.dotenv, **self.process}
        return [name for name in names if self._is_ours(name)]

    def _is_ours(self, name: str) -> bool:
        is_set = self.get(name) is not None
        return name.startswith(_PREFIX) and name not in _OF_COMMANDS and is_set


def is_section_variable(name: str) -> bool:
    """Return whether a variable of ours names a key by its section, as `OMEN_RACE__K` does."""
    first, *rest = name.removeprefix(_PREFIX).split("__")
    return bool(first and rest and all(rest))


def apply_variables(draft: Draft, environment: Environment, referenced: set[str]) -> None:
    """Write the value of every known variable over the value of the file.

    `referenced` is the variables that `env:NAME` values of the file refer to. The file already
    assigns those to a provider, so they create no provider of their own.
    """
    for name in sorted(environment.ours()):
        if is_section_variable(name):
            continue
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
                f'to use it there, set {key} = "env:{name}"'
            )
            return
    table: Any = draft.table
    for part in above:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            return  # the validation reports a section that is not a table
    text = environment.get(name)
    if text is not None:
        table[key] = EnvText(text)
        draft.origins[path] = environment.origin_of(name)


def _is_another_kind(draft: Draft, path: tuple[str, ...]) -> bool:
    """Return whether the section has the vendor's name but another kind.

    The vendor's key must not be sent to such a server.
    """
    if path[1] not in draft.provider_names():
        return False
    section = draft.table["providers"][path[1]]
    return isinstance(section, dict) and section.get("kind", path[1]) != path[1]


def _unknown(name: str) -> str:
    # Without the prefix: it would make all names look similar.
    rest = {re.sub(f"^{_PREFIX}", "", known): known for known in variables()}
    suggestion = nearest(name.removeprefix(_PREFIX), rest)
    hint = f"; did you mean {rest[suggestion]}?" if suggestion else ""
    return f"{name} is not a variable that OMEN knows{hint}"
