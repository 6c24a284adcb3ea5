"""Values `"env:NAME"`. Any string may have this form. They are resolved after all is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omen.config._document import is_provider_key
from omen.config._draft import Draft
from omen.config._environment import Environment
from omen.config._wording import EnvText, KeyPath, looks_secret

_Reference = tuple[KeyPath, Any, str]
"""The path of an `env:` value, the dict or list that holds it, and its text."""

_MARK = "env:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def referenced_names(table: dict[str, Any]) -> set[str]:
    """Return every variable that a value of the file refers to."""
    return {text.removeprefix(_MARK) for _, _, text in _references(table, ())}


def resolve_references(draft: Draft, environment: Environment) -> None:
    """Replace each `env:NAME` by the value of the variable.

    An unset variable of a provider is recorded in `draft.unset`, and disables that provider.
    Elsewhere it is a problem, because no smaller part than the gateway could be disabled. In both
    cases the key counts as reported: a second line, that `env:NAME` is not a URL, would not help.
    """
    for path, container, text in list(_references(draft.table, ())):
        name = text.removeprefix(_MARK)
        value = environment.get(name)
        if _NAME.fullmatch(name) is None:
            draft.problem(path, "env: before an invalid variable name", "env:NAME")
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
    """Return the name of a variable, unless it looks like a key that was pasted in its place."""
    return "(not shown)" if looks_secret(name) or len(name) > 60 else name


def _references(value: Any, path: KeyPath) -> Iterator[_Reference]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from _references(item, (*path, key))
        elif isinstance(item, str) and item.startswith(_MARK):
            yield (*path, key), value, item
