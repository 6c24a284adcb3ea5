"""The size of a prompt in tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Bounds and an estimate of a prompt's tokens, made without any vendor's tokenizer."""

    at_least: int
    likely: int
    at_most: int
