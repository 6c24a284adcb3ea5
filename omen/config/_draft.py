"""The configuration while it is put together: one table, and what is wrong with it so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from omen.config._wording import KeyPath, dotted, nearest, shown
from omen.config.problems import Problem


@dataclass(slots=True)
class Draft:
    """Every step adds its problems here instead of raising, so that all are reported at once.

    A key is reported once: what is wrong with a value makes whatever follows from it moot.
    """

    table: dict[str, Any] = field(repr=False)
    file: str
    """The file as the operator named it, for messages."""
    origins: dict[KeyPath, str] = field(default_factory=dict)
    """Where a key was read when it was not in the file."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    referenced: set[KeyPath] = field(default_factory=set)
    """Keys whose value came through `env:NAME`. Secrets are kept there: none is ever shown."""
    unset: dict[str, list[str]] = field(default_factory=dict)
    """By provider, the variables it names that are not set."""
    declared: tuple[str, ...] = ()
    """Every provider that was written down, whatever is wrong with it."""
    at_fault: set[KeyPath] = field(default_factory=set)
    """Keys that were reported, or that went with an unset variable."""

    def problem(
        self,
        path: KeyPath,
        found: str,
        allowed: str,
        *,
        word: str = "",
        words: Iterable[str] = (),
    ) -> None:
        """Report a key. `word` is what may be a misspelling of one of `words`."""
        if path in self.at_fault:
            return
        self.at_fault.add(path)
        file = next((self.origins[p] for p in _upwards(path) if p in self.origins), self.file)
        suggestion = nearest(word, words) if word else None
        self.problems.append(Problem(file, dotted(path), found, allowed, suggestion))

    def shown(self, value: object, path: KeyPath) -> str:
        """Say what stands at a key, as far as that may be said."""
        return shown(value, path, hidden=any(p in self.referenced for p in _upwards(path)))

    def is_set(self, path: KeyPath) -> bool:
        """Whether the operator wrote this key, in the file or as a variable."""
        value: Any = self.table
        for part in path:
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
        return True

    def remove(self, path: KeyPath) -> None:
        """Take a key out of the table; for an element of a list, the whole list."""
        *above, key = takewhile(lambda part: isinstance(part, str), path)
        node: Any = self.table
        for part in above:
            node = node.get(part, {})
        node.pop(key, None)

    def provider_names(self) -> tuple[str, ...]:
        """The providers the table has now."""
        providers = self.table.get("providers", {})
        return tuple(providers) if isinstance(providers, dict) else ()


def _upwards(path: KeyPath) -> Iterator[KeyPath]:
    """The path itself, then what it is part of."""
    return (path[:length] for length in range(len(path), 0, -1))
