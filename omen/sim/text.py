"""What a simulated provider says: words of its own, so that a splice of two answers shows.

The words are invented, from the provider's name alone; every answer of a provider is a prefix of
its longest one. A reader that knows name and length can rebuild the whole text.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from random import Random

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "st", "tr")
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ou")
_CODAS = ("", "", "", "n", "r", "s", "l")
_VOCABULARY = 48
_SENTENCE = 9


def answer_text(provider: str, tokens: int) -> str:
    """The whole answer of `provider` when it is `tokens` long."""
    return "".join(answer_tokens(provider, tokens))


@lru_cache(maxsize=256)
def answer_tokens(provider: str, tokens: int) -> tuple[str, ...]:
    """The answer of `provider` as the deltas in which it leaves, each one word.

    Every token but the first begins with its space, as models write.
    """
    opening = ("This", " is", f" {provider}", " answering.")
    digest = hashlib.sha256(ascii(provider).encode("ascii")).digest()
    random = Random(int.from_bytes(digest, "big"))
    vocabulary = [_word(random) for _ in range(_VOCABULARY)]
    later = (_in_sentence(random.choice(vocabulary), i) for i in range(tokens - len(opening)))
    return (*opening, *later)[:tokens]


def _word(random: Random) -> str:
    return "".join(
        random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS)
        for _ in range(random.choice((1, 2, 2, 3)))
    )


def _in_sentence(word: str, position: int) -> str:
    within = position % _SENTENCE
    if within == 0:
        word = word.capitalize()
    return f" {word}." if within == _SENTENCE - 1 else f" {word}"
