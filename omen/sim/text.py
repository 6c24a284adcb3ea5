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
_PIECE = 5
_OPENING = ("This", " is", " {provider}", " answering.")


def answer_text(provider: str, tokens: int) -> str:
    """The whole answer of `provider` when it is `tokens` long."""
    return "".join(answer_tokens(provider, tokens))


@lru_cache(maxsize=256)
def answer_tokens(provider: str, tokens: int) -> tuple[str, ...]:
    """The answer of `provider` as the deltas in which it leaves, each one word.

    Every token but the first begins with its space, as models write.
    """
    opening = tuple(word.replace("{provider}", provider) for word in _OPENING)
    digest = hashlib.sha256(ascii(provider).encode("ascii")).digest()
    random = Random(int.from_bytes(digest, "big"))
    vocabulary = [_word(random) for _ in range(_VOCABULARY)]
    later = (_in_sentence(random.choice(vocabulary), i) for i in range(tokens - len(opening)))
    return (*opening, *later)[:tokens]


@lru_cache(maxsize=256)
def thought_tokens(provider: str, tokens: int) -> tuple[str, ...]:
    """The reasoning of `provider`, in the deltas in which it leaves; words as in its answers."""
    words = answer_tokens(f"{provider}'s thinking", tokens + len(_OPENING))[len(_OPENING) :]
    return tuple(word.lstrip() if place == 0 else word for place, word in enumerate(words))


def pieces(text: str) -> tuple[str, ...]:
    """Cut a text that is no prose, JSON for example, into the deltas in which it leaves."""
    return tuple(text[cut : cut + _PIECE] for cut in range(0, len(text), _PIECE))


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
