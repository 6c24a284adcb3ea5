"""`OMEN_SECTION__KEY` variables: one for every key of `omen.toml`.

Two underscores stand for the dot of a TOML key: `OMEN_RACE__K` is `race.k`, and
`OMEN_PROVIDERS__GROQ__API_KEY` is `providers.groq.api_key`. The names of variables have no small
letters and few signs, so a part stands for the key, or for the name in the file, that is the same
but for that. Any other part is a new name, in small letters.
"""

from __future__ import annotations

import re
from typing import Any

from omen.config._document import keys_at
from omen.config._draft import Draft
from omen.config._environment import Environment, is_section_variable
from omen.config._wording import EnvText

_OTHER = re.compile(r"[^a-z0-9]")


def apply_section_variables(draft: Draft, environment: Environment) -> None:
    """Write the value of every such variable over the value of the file.

    A name that stands for no key is a mistake, as it is in the file: the validation reports it.
    """
    for name in sorted(filter(is_section_variable, environment.ours())):
        parts = name.removeprefix("OMEN_").split("__")
        path = _path(draft.table, parts)
        origin = environment.origin_of(name)
        table, text = _table_at(draft, path[:-1], origin), environment.get(name)
        if table is None or text is None:
            continue  # the validation reports a section that is not a table
        if path in draft.origins and table.get(path[-1]) != text:
            other = draft.origins[path]
            draft.warnings.append(f"{name} and {other} set the same key; {name} is used")
        table[path[-1]] = EnvText(text)
        draft.origins[path] = origin


def _path(table: dict[str, Any], parts: list[str]) -> tuple[str, ...]:
    """Return the key that the parts of a variable's name stand for."""
    path: tuple[str, ...] = ()
    node: Any = table
    for part in parts:
        present = node if isinstance(node, dict) else {}
        known = [*present, *keys_at(path)]
        meant = next((key for key in known if _plain(key) == _plain(part)), part.lower())
        path = (*path, meant)
        node = present.get(meant)
    return path


def _plain(name: str) -> str:
    return _OTHER.sub("_", name.lower())


def _table_at(draft: Draft, path: tuple[str, ...], origin: str) -> dict[str, Any] | None:
    """Return the table at a path, and make what is missing of it; None: another value is there."""
    table = draft.table
    for length, part in enumerate(path, start=1):
        if part not in table:
            draft.origins[path[:length]] = origin
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            return None
        table = inner
    return table
