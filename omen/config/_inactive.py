"""Keys that load and do nothing yet. An issue that makes one act takes it out of this list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omen.config._draft import Draft
from omen.config._wording import KeyPath, dotted

INACTIVE: tuple[tuple[str, ...], ...] = (
    ("routing", "prefer_local_for"),
    ("routing", "budget_monthly_usd"),
    ("routing", "prefer"),
    ("auth", "allow_anonymous"),
    ("cache", "enabled"),
    ("cache", "redis_url"),
    ("ledger", "url"),
)


def warn_of_inactive(draft: Draft) -> None:
    """Say once which of the keys that were set have no effect."""
    keys = [dotted(path) for pattern in INACTIVE for path in _matches(draft.table, pattern)]
    if keys:
        draft.warnings.append(f"accepted, not acted on in this version: {', '.join(keys)}")


def _matches(table: Any, pattern: tuple[str, ...]) -> Iterator[KeyPath]:
    """Find the paths of a table that a pattern stands for."""
    if not pattern:
        if table != {}:  # a section header alone sets nothing
            yield ()
        return
    if not isinstance(table, dict):
        return
    first, *rest = pattern
    if first in table:
        for below in _matches(table[first], tuple(rest)):
            yield (first, *below)
