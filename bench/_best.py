"""The best possible time: the earliest moment at which a question's first useful token can come.

The simulated upstreams decide every stream's fate from (seed, provider, question). So this moment
is known exactly before a request is sent, and no gateway can be faster. Pure: no socket, no clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from omen.sim import SimulatedUpstream, answer_tokens

CHARACTERS_PER_TOKEN = 4
"""The same number as in the commit gate of the strategies. It is repeated on purpose: the
measurement must not depend on the code that it measures."""


@dataclass(frozen=True, slots=True)
class Best:
    """The entrant that can be useful first, and how many seconds after the request."""

    provider: str
    after: float


def visible_tokens(characters: int) -> int:
    """Return the number of tokens of a text with this many non-whitespace characters."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def visible_characters(text: str) -> int:
    """Return the number of non-whitespace characters of `text`."""
    return len("".join(text.split()))


def first_useful(pieces: Iterable[str], min_useful_tokens: int) -> int:
    """Return the position of the piece with which the text becomes useful.

    A text that ends with fewer tokens is useful at its end, with its last piece. There must be at
    least one piece.
    """
    counts = accumulate(map(visible_characters, pieces))
    tokens = [visible_tokens(characters) for characters in counts]
    return min(bisect_left(tokens, min_useful_tokens), len(tokens) - 1)


def useful_after(upstream: SimulatedUpstream, question: str, min_useful_tokens: int) -> float:
    """Return after how many seconds `upstream`'s answer to `question` is useful, undisturbed."""
    fate = upstream.fate(question)
    words = answer_tokens(upstream.name, fate.tokens)
    return fate.time_of(first_useful(words, min_useful_tokens))


def best_possible(
    entrants: Sequence[SimulatedUpstream], question: str, min_useful_tokens: int
) -> Best:
    """Return the entrant that is useful first; of two at the same time, the earlier in the list."""
    after = {e.name: useful_after(e, question, min_useful_tokens) for e in entrants}
    provider = min(after, key=after.__getitem__)
    return Best(provider, after[provider])
