"""The vendors' own variables, such as `OPENAI_API_KEY`, for operators who have them already.

They fill a gap and change nothing: a key that the file or an `OMEN_*` variable sets precedes them,
and they make a provider only where no provider is configured at all. So a variable that another
program needs never adds a provider to a configuration that somebody wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omen.config._draft import Draft
from omen.config._environment import Environment
from omen.config._wording import EnvText, dotted
from omen.providers import load_kinds


def apply_vendor_variables(draft: Draft, environment: Environment, referenced: set[str]) -> None:
    """Fill the gaps of providers; `referenced` variables are assigned by the file already."""
    declared = draft.provider_names()
    for kind, spec in load_kinds().items():
        names = spec.setup.vendor_variables
        values = {key: name for name, key in names.items() if environment.get(name)}
        free = {key: name for key, name in values.items() if name not in referenced}
        if not free:
            continue
        if declared:
            for section, table in _sections(draft, kind):
                _fill(draft, environment, section, table, free)
        elif len(free) == len(names):
            table = draft.table.setdefault("providers", {}).setdefault(kind, {})
            _fill(draft, environment, kind, table, free)


def _sections(draft: Draft, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the sections of a kind at the vendor's own address: the key belongs to nobody else."""
    for name, table in draft.table["providers"].items():
        if not isinstance(table, dict) or table.get("kind", name) != kind:
            continue
        if table.get("enabled", True) is True and "base_url" not in table:
            yield name, table


def _fill(
    draft: Draft,
    environment: Environment,
    section: str,
    table: dict[str, Any],
    variables: Mapping[str, str],
) -> None:
    for key, name in variables.items():
        if key not in table:
            text = environment.get(name)
            assert text is not None
            table[key] = EnvText(text)
            path = ("providers", section, key)
            draft.origins[path] = environment.origin_of(name)
            draft.notes.append(f"{dotted(path)} is taken from {environment.origin_of(name)}")
