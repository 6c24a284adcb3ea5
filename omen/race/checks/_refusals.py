"""The words that refusals begin with, in the languages that models refuse in most.

A refusal says so in its first words. They are compared letter by letter, without case, punctuation
and marks, so an answer that merely begins like one ("I'm glad …") is held for a few letters only.
An apology alone is no refusal, nor is a sentence that later turns out to be one.

The openings were written for this list from the usual wording of such answers. No data set was
searched, so a wording that is missing is likely; `no_regex` adds one's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product

LONGEST_OPENING = 96
"""Letters of the longest opening, and some more."""
_QUOTES = ('"', "'", "`", ">", "“", "”", "„", "‘", "«", "»", "「", "『")
_Trie = dict[str, "_Trie"]

_APOLOGY = (
    "sorry", "i'm sorry", "i am sorry", "i'm really sorry", "i'm very sorry", "i'm so sorry",
    "i apologize", "i apologise", "my apologies", "apologies", "i'm afraid", "i am afraid",
)  # fmt: skip
_CANNOT = (
    "i can't", "i cannot", "i can not", "i won't", "i will not", "i'm unable to", "i am unable to",
    "i'm not able to", "i am not able to", "i won't be able to", "i'm not allowed to",
    "i am not allowed to", "i'm not permitted to", "i must decline", "i have to decline",
    "i need to decline", "i'm going to have to decline", "i'm not comfortable",
)  # fmt: skip
_DO = (
    "assist", "help with", "help you", "comply", "provide", "fulfill", "fulfil", "support",
    "create", "generate", "write", "discuss", "share", "do that", "do this", "continue with",
    "engage", "answer that", "answer this", "answer your", "process", "complete", "produce",
    "offer", "in good conscience", "facilitate", "participate", "respond to",
)  # fmt: skip
_ENGLISH = (
    *(" ".join(words) for words in product(_APOLOGY, ("", "but", "however", "that"), _CANNOT)),
    *(" ".join(words) for words in product(_CANNOT, _DO)),
    *(" ".join(words) for words in product(("unfortunately",), _CANNOT, _DO)),
    *(
        " ".join(words)
        for words in product(
            ("as an ai", "as an ai assistant", "as an ai language model", "as a language model"),
            _CANNOT,
        )
    ),
    "i must decline", "i have to decline", "i need to decline", "i must respectfully decline",
)  # fmt: skip
_OTHERS = (
    # German
    "es tut mir leid aber ich kann", "es tut mir leid aber dabei kann ich",
    "es tut mir leid aber da kann ich", "es tut mir leid ich kann", "tut mir leid aber ich kann",
    "tut mir leid aber dabei kann ich", "tut mir leid ich kann", "entschuldigung aber ich kann",
    "ich kann dir dabei nicht", "ich kann ihnen dabei nicht", "ich kann dabei nicht helfen",
    "ich kann diese anfrage nicht", "ich kann das nicht beantworten", "leider kann ich dabei nicht",
    "leider kann ich ihnen dabei nicht", "leider kann ich dir dabei nicht",
    "leider kann ich diese anfrage", "als ki kann ich nicht", "als sprachmodell kann ich",
    # French
    "je suis désolé mais je ne peux", "je suis désolée mais je ne peux", "désolé mais je ne peux",
    "désolé je ne peux pas", "je ne peux pas vous aider", "je ne peux pas t'aider",
    "je ne peux pas répondre à", "je ne peux pas fournir", "je ne suis pas en mesure de",
    "en tant qu'ia je ne peux", "en tant que modèle de langage je",
    # Spanish
    "lo siento pero no puedo", "lo siento no puedo", "no puedo ayudarte con", "no puedo ayudar con",
    "no puedo proporcionar", "no puedo cumplir", "lamentablemente no puedo ayudar",
    "como modelo de lenguaje no",
    # Italian
    "mi dispiace ma non posso", "mi dispiace non posso", "non posso aiutarti",
    "non posso fornire", "come modello linguistico non",
    # Portuguese
    "desculpe mas não posso", "desculpe não posso", "sinto muito mas não posso",
    "lamento mas não posso", "não posso ajudar", "não posso fornecer",
    "como modelo de linguagem não",
    # Russian
    "извините но я не могу", "извините я не могу", "простите но я не могу",
    "к сожалению я не могу", "я не могу помочь", "я не могу предоставить",
    # Chinese
    "抱歉我无法", "抱歉我不能", "很抱歉我无法", "很抱歉我不能", "对不起我无法", "对不起我不能",
    "我无法提供", "我不能提供", "我无法协助", "我无法帮助", "我无法回答", "我无法满足",
    # Japanese
    "申し訳ありませんがお手伝い", "申し訳ありませんがその", "申し訳ありませんがお答え",
    "申し訳ございませんがお手伝い", "申し訳ございませんがその", "申し訳ございませんがお答え",
    # Korean
    "죄송하지만 도와드릴 수 없", "죄송하지만 그 요청", "죄송합니다만 도와드릴 수 없",
)  # fmt: skip


def begins_as_refusal(text: str, *, has_ended: bool) -> bool | None:
    """Return whether a text begins as a refusal; None if a few more letters tell."""
    if text.lstrip()[:1] in _QUOTES:
        return False  # somebody else's words
    node = _openings()
    for letter in _letters(text[: 2 * LONGEST_OPENING]):
        if letter not in node:
            return False
        node = node[letter]
        if not node:
            return True
    return False if has_ended else None


@cache
def _openings() -> _Trie:
    return _trie(["".join(_letters(opening)) for opening in (*_ENGLISH, *_OTHERS)])


def _trie(openings: Iterable[str]) -> _Trie:
    """Return openings as a tree of letters. What one of them begins with is one itself."""
    root: _Trie = {}
    shorter = None
    for opening in sorted(openings):
        if shorter is None or not opening.startswith(shorter):
            node, shorter = root, opening
            for letter in opening:
                node = node.setdefault(letter, {})
    return root


def _letters(text: str) -> Iterator[str]:
    """Yield what tells words apart: letters and digits in lower case. Blanks and marks do not."""
    return (letter for letter in text.lower() if letter.isalnum())
