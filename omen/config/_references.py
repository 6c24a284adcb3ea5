"""Values `"env:NAME"`: any string may be one, and is looked up when everything has been read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omen.config._document import is_provider_key
from omen.config._draft import Draft
from omen.config._environment import Environment
from omen.config._wording import EnvText, KeyPath, looks_secret

_Reference = tuple[KeyPath, Any, str]
"""Where an `env:` value stands, the dict or list that holds it, and its text."""

_MARK = "env:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def referenced_names(table: dict[str, Any]) -> set[str]:
    """List every variable that the values of a file name."""
    return {text.removeprefix(_MARK) for _, _, text in _references(table, ())}


def resolve_references(draft: Draft, environment: Environment) -> None:
    """Replace each `env:NAME` by what the variable holds.

    A provider with an unset variable is noted in `draft.unset`; elsewhere that is a problem,
    because there is nothing smaller than the gateway that could be left out. The key counts as
    reported either way: that `env:NAME` is no URL, say, is not worth a second line.
    """
    for path, container, text in list(_references(draft.table, ())):
        name = text.removeprefix(_MARK)
        value = environment.get(name)
        if _NAME.fullmatch(name) is None:
            draft.problem(path, "env: before what is no name of a variable", "env:NAME")
        elif value is not None:
            container[path[-1]] = EnvText(value)
            draft.referenced.add(path)
        elif is_provider_key(path):
            draft.unset.setdefault(str(path[1]), []).append(_shown(name))
            draft.at_fault.add(path)
        else:
            found = f"the variable {_shown(name)}, which is not set"
            draft.problem(path, found, "a variable that is set")


def _shown(name: str) -> str:
    """Name a variable, unless it is more likely the key itself, pasted in its place."""
    return "(not shown)" if looks_secret(name) or len(name) > 60 else name


def _references(value: Any, path: KeyPath) -> Iterator[_Reference]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from _references(item, (*path, key))
        elif isinstance(item, str) and item.startswith(_MARK):
            yield (*path, key), value, item
