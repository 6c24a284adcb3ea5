"""Checks of the beginning of an answer: their names, and the contract of what carries them out.

They are deterministic and cheap. An attempt whose answer fails one does not win while another
attempt may still do better (docs/strategies.md, "The gate").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from omen.core.events import Event

PLAIN_CHECKS = ("json_schema", "tool_args", "no_refusal", "language", "no_repetition")
"""Checks without a parameter, in the order in which they are documented."""
PATTERN_CHECKS = ("regex", "no_regex")
"""Checks with a pattern behind a colon: it has to be found in the beginning, or must not be."""
CHECK_FORMS = ", ".join((*PLAIN_CHECKS, *(f"{name}:PATTERN" for name in PATTERN_CHECKS)))
"""What a check may look like, for messages."""
MOST_CHECKS = 16
LONGEST_PATTERN = 512
"""Characters of a pattern."""
HOLD: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an answer is not to win: the check, and what it found, without a quotation."""

    check: str
    reason: str

    def __str__(self) -> str:
        return f"{self.check}: {self.reason}"


Verdict = Rejection | Literal["hold"] | None
"""What the checks say of an answer so far. `hold`: a little more of it decides. None: nothing."""


class AnswerChecks(Protocol):
    """Judges the beginning of one attempt's answer. Synchronous, bounded in time and memory."""

    def take(self, events: Sequence[Event], /) -> None:
        """Take the next events of the answer, in order."""
        ...

    def verdict(self) -> Verdict:
        """Judge what was taken so far. After the end of the answer it is never `hold`."""
        ...


class Pattern:
    """A regular expression that is searched in time linear in the text, whatever its form.

    It is one of Rust's `regex` crate, by way of pydantic: no look-around, no back-references.

    **Raises.** `ValueError` if it is none, or too large.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_PATTERN:
            raise ValueError(f"a pattern has at most {LONGEST_PATTERN} characters")
        try:
            self._validator = SchemaValidator(
                core_schema.str_schema(pattern=text, regex_engine="rust-regex", strict=True)
            )
        except SchemaError:
            raise ValueError("it is no regular expression that Rust's regex crate has") from None

    def is_in(self, text: str) -> bool:
        """Return whether the pattern matches somewhere in a text."""
        try:
            self._validator.validate_python(text)
        except ValidationError:
            return False
        return True


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """Return a pattern; those of the last requests are kept. **Raises.** `ValueError`."""
    return Pattern(text)


def split_check(said: str) -> tuple[str, str]:
    """Return the name of a check and its pattern, which is empty for those without.

    **Raises.** `ValueError`, with what is allowed.
    """
    name, colon, pattern = said.partition(":")
    if name in PLAIN_CHECKS and not colon:
        return name, ""
    if name in PATTERN_CHECKS and pattern:
        compile_pattern(pattern)
        return name, pattern
    raise ValueError(f"must be one of {CHECK_FORMS}")
