"""Usage as Anthropic reports it, in two places that overwrite each other.

**Source.** docs.anthropic.com/en/api/messages-streaming, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from omen.core.events import Usage
from omen.providers.shared.counts import count_of
from omen.providers.shared.fees import with_fees_of_message

_READ = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens_details",
    }
)


class UsageSoFar:
    """What one answer has reported: cumulative numbers, of which the last one stands."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}

    def update(self, reported: object) -> None:
        """Take a `usage` object; what is absent or null in it keeps its earlier value."""
        if isinstance(reported, dict):
            self._fields |= {name: n for name, n in reported.items() if n is not None}

    def total(self) -> Usage | None:
        """Give it in OpenAI's meaning, where the prompt includes what a cache gave and took."""
        fresh, output = self._count("input_tokens"), self._count("output_tokens")
        if fresh is None or output is None:
            return None
        read = self._count("cache_read_input_tokens")
        written = self._count("cache_creation_input_tokens")
        details = {"cached_tokens": read, "cache_write_tokens": written}
        usage = Usage(
            prompt_tokens=fresh + (read or 0) + (written or 0),
            completion_tokens=output,
            prompt_details={name: n for name, n in details.items() if n is not None},
            completion_details=self._completion_details(),
            extras={name: n for name, n in self._fields.items() if name not in _READ},
            cache_write_1h_tokens=self._kept_for_an_hour(),
        )
        return with_fees_of_message(usage, self._fields)

    def _kept_for_an_hour(self) -> int:
        split = self._fields.get("cache_creation")
        tokens = split.get("ephemeral_1h_input_tokens") if isinstance(split, dict) else None
        return count_of(tokens) or 0

    def _completion_details(self) -> dict[str, int]:
        details = self._fields.get("output_tokens_details")
        thinking = count_of(details.get("thinking_tokens")) if isinstance(details, dict) else None
        return {} if thinking is None else {"reasoning_tokens": thinking}

    def _count(self, name: str) -> int | None:
        return count_of(self._fields.get(name))
