"""What is wrong with a configuration: a `Problem` a mistake, and a `ConfigError` for them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Its `str` is one line, and no secret is ever in it."""

    file: str
    """Where it was read: a file as the operator named it, or `environment (NAME)`."""
    key: str
    """Dotted, `providers.openai.models`; a line of a file that could not be read as keys."""
    found: str
    """What stands there, in words when the value must not be shown."""
    allowed: str
    """What may stand there."""
    suggestion: str | None = None
    """The word that was probably meant."""

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{place}: found {self.found}; allowed: {self.allowed}{hint}"


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has every mistake; the text, one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
