"""The mistakes of a configuration: one `Problem` for each, and a `ConfigError` for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Its `str` is one line, and never contains a secret."""

    file: str
    """The origin of the value: a file as the operator named it, or `environment (NAME)`."""
    key: str
    """A dotted key such as `providers.openai.models`; a line if the file could not be parsed."""
    found: str
    """The value that was found; only a description of it if the value must not be shown."""
    allowed: str
    """The allowed values."""
    suggestion: str | None = None
    """The word that the operator probably meant."""

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{place}: found {self.found}; allowed: {self.allowed}{hint}"


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has every mistake; the text has one per line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
