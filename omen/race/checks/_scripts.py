"""The scripts that a text is written in, and those that an answer to it may use.

Only scripts are told apart (Latin, Cyrillic, Chinese …), not the languages of one: that needs more
letters than a race has read when it decides. A prompt that speaks of a language, or of translating,
may be answered in any script.

The ranges are whole blocks of Unicode (Blocks.txt of its character database), coarser than scripts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

FEWEST_LETTERS, SHARE = 10, 0.8
"""Letters of an answer from which on it is judged, and the share of them in foreign scripts."""
LONGEST_PROMPT = 20_000
"""Characters of a prompt that are looked at, from its end."""

_BLOCKS = {
    "latin": "A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ",
    "greek": "Ͱ-Ͽἀ-῿",
    "cyrillic": "Ѐ-ԯ",
    "hebrew": "֐-׿",
    "arabic": "؀-ۿݐ-ݿ",
    "indic": "ऀ-෿",
    "thai": "฀-๿",
    # Together, because Japanese mixes them and Korean texts quote them.
    "east asian": "぀-ヿ㐀-䶿一-鿿가-힯",
}
_LETTER = re.compile("|".join(f"([{block}])" for block in _BLOCKS.values()))
_NAMES = list(_BLOCKS)
_ANY_LANGUAGE = re.compile(
    # Words of languages in general, then names of those that are not written in Latin letters.
    r"\b(?:translat|transliterat|languag|übersetz|sprache|tradu|langue|idiom|língua|lingua|vertaal"
    r"|alphabet|script|unicode|emoji|russ|ukrain|bulgar|serb|kyrill|cyrill|chin[ae]|chino|mandarin"
    r"|canton|kanton|japan|japon|giappon|korea|corea|coréen|arab|persian|persisch|persan|farsi|urdu"
    r"|hebr|ivrit|greek|griech|grec|grieg|hindi|marathi|bengal|tamil|telugu|nepal|sanskrit|thai"
    r"|kanji|hiragana|katakana|hangul|pinyin|romaji|перев|язык|русск|украин|болгар)"
    r"|翻译|翻譯|翻訳|语言|語言|言語|번역|언어|ترجم|لغة|अनुवाद|भाषा|中文|汉语|漢字|日本|한국",
    re.IGNORECASE,
)


def scripts_of_prompt(texts: Iterable[str]) -> frozenset[str] | None:
    """Return the scripts that an answer to these texts may use; None for any.

    A script counts from three letters on: one Greek letter is mathematics. Latin letters are always
    allowed, because programs are written in them.
    """
    counts: Counter[str] = Counter()
    room = LONGEST_PROMPT
    for text in texts:
        if room <= 0:
            break
        part, room = text[-room:], room - len(text)
        if _ANY_LANGUAGE.search(part):
            return None
        counts += scripts_of(part)
    found = frozenset(name for name, count in counts.items() if count >= 3)
    return found | {"latin"} if found else None


def scripts_of(text: str) -> Counter[str]:
    """Return how many letters of each script a text has."""
    return Counter(
        _NAMES[found.lastindex - 1] for found in _LETTER.finditer(text) if found.lastindex
    )


def is_foreign(text: str, allowed: frozenset[str], *, has_ended: bool) -> bool | None:
    """Return whether a text is in a script beyond those allowed; None if more of it tells."""
    counts = scripts_of(text)
    letters = counts.total()
    foreign = letters - sum(counts[name] for name in allowed)
    if foreign == 0 or foreign < SHARE * letters:
        return False
    if letters >= FEWEST_LETTERS:
        return True
    return False if has_ended else None
