"""The configuration while it is built: one table, and the mistakes reported so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from omen.config._wording import KeyPath, dotted, nearest, shown
from omen.config.problems import Problem


@dataclass(slots=True)
class Draft:
    """The state of the loading. Steps add problems here instead of raising, to report all of them.

    A key is reported only once: after the first fault of a value, further ones are consequences.
    """

    table: dict[str, Any] = field(repr=False)
    file: str
    """The file as the operator named it, for messages."""
    origins: dict[KeyPath, str] = field(default_factory=dict)
    """The origin of each key that does not come from the file."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the operator may want to know, although nothing is wrong."""
    referenced: set[KeyPath] = field(default_factory=set)
    """Keys whose value came through `env:NAME`. Variables hold secrets: such a value is never
    shown."""
    unset: dict[str, list[str]] = field(default_factory=dict)
    """By provider, the variables that it refers to and that are not set."""
    declared: tuple[str, ...] = ()
    """Every provider in the configuration, even one with mistakes."""
    at_fault: set[KeyPath] = field(default_factory=set)
    """Keys that were reported, or whose variable is not set."""

    def problem(
        self,
        path: KeyPath,
        found: str,
        allowed: str,
        *,
        word: str = "",
        words: Iterable[str] = (),
    ) -> None:
        """Report a key. `word` may be a misspelling of one of `words`."""
        if path in self.at_fault:
            return
        self.at_fault.add(path)
        file = next((self.origins[p] for p in _upwards(path) if p in self.origins), self.file)
        suggestion = nearest(word, words) if word else None
        self.problems.append(Problem(file, dotted(path), found, allowed, suggestion))

    def shown(self, value: object, path: KeyPath) -> str:
        """Return a description of a key's value that shows no secret."""
        return shown(value, path, hidden=any(p in self.referenced for p in _upwards(path)))

    def is_set(self, path: KeyPath) -> bool:
        """Return whether the operator set this key, in the file or by a variable."""
        value: Any = self.table
        for part in path:
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
        return True

    def at(self, path: KeyPath) -> object:
        """Return the value at a path; None if there is none."""
        value: Any = self.table
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def remove(self, path: KeyPath) -> None:
        """Remove a key from the table; for an element of a list, the whole list."""
        *above, key = takewhile(lambda part: isinstance(part, str), path)
        node: Any = self.table
        for part in above:
            node = node.get(part, {})
        node.pop(key, None)

    def provider_names(self) -> tuple[str, ...]:
        """Return the names of the providers that the table has now."""
        providers = self.table.get("providers", {})
        return tuple(providers) if isinstance(providers, dict) else ()


def _upwards(path: KeyPath) -> Iterator[KeyPath]:
    """Yield the path itself, then the path of each table or list around it."""
    return (path[:length] for length in range(len(path), 0, -1))
