"""The best possible: when the first useful token of a question could have come at the earliest.

The simulated upstreams decide every stream's fate from (seed, provider, question), so it is known
before a request is sent, exactly, and no gateway can be faster. Pure: no socket, no clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from omen.sim import SimulatedUpstream, answer_tokens

CHARACTERS_PER_TOKEN = 4
"""As the commit gate of the strategies counts, and written again on purpose: what measures the
race does not take its word for when a token is useful."""


@dataclass(frozen=True, slots=True)
class Best:
    """Who could be the first to be useful, and how many seconds after the request."""

    provider: str
    after: float


def visible_tokens(characters: int) -> int:
    """Count the tokens of a text with so many characters that are no whitespace."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def visible_characters(text: str) -> int:
    """Count the characters of `text` that are no whitespace."""
    return len("".join(text.split()))


def first_useful(pieces: Iterable[str], min_useful_tokens: int) -> int:
    """Return the position of the piece with which the text becomes useful.

    A text that ends before it has that many tokens is useful at its end, with its last piece.
    There must be at least one.
    """
    counts = accumulate(map(visible_characters, pieces))
    tokens = [visible_tokens(characters) for characters in counts]
    return min(bisect_left(tokens, min_useful_tokens), len(tokens) - 1)


def useful_after(upstream: SimulatedUpstream, question: str, min_useful_tokens: int) -> float:
    """Say after how many seconds `upstream`'s answer to `question` is useful, if left alone."""
    fate = upstream.fate(question)
    words = answer_tokens(upstream.name, fate.tokens)
    return fate.time_of(first_useful(words, min_useful_tokens))


def best_possible(
    entrants: Sequence[SimulatedUpstream], question: str, min_useful_tokens: int
) -> Best:
    """Find the entrant that is useful first; of two at once, the one that stands first."""
    after = {e.name: useful_after(e, question, min_useful_tokens) for e in entrants}
    provider = min(after, key=after.__getitem__)
    return Best(provider, after[provider])
