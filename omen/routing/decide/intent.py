"""Classifies the intent of a request from its last user message, by rules. Pure.

A rule is a pattern, an intent, and the points that a match adds to the intent. The intent with the
most points wins. If none has `ENOUGH` points, the intent is `general`. The rules read the words
around code, not the code: a fence only shows that there is code. A wrong intent costs little,
because it only orders candidates. The accuracy is measured on prompts that were not used to write
the rules (docs/routing.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from omen.core.chat import Message
from omen.routing.decide.intent_rules import RULES, Rule

ENOUGH = 2.0
LONGEST = 800
"""The characters of a long message that the rules read, half at either end, where people usually
write what they want."""

_ORDER = ("regex", "tests", "code", "analysis", "explanation")
"""The intents from the narrowest to the widest. Between equal points the narrower one wins."""

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
_CODE_POINTS = 2.0
_DESCRIBING = re.compile(
    r"\b(?:explain|what does|what is|what'?s going on|understand|describe|line by line|complexity|"
    r"analy[sz]e|review|critique|compare)\b",
)


def classify(messages: Sequence[Message]) -> str:
    """Return the intent of the last user message, one of `omen.core.intents.INTENTS`."""
    text = next((m.text for m in reversed(messages) if m.role == "user" and m.text), "")
    return classify_text(text)


def classify_text(text: str) -> str:
    """Return the intent of one text."""
    words = _FENCE.sub(" ", text)
    has_code = len(words) != len(text)
    if len(words) > LONGEST:
        words = f"{words[: LONGEST // 2]}\n{words[-LONGEST // 2 :]}"
    words = words.strip().lower()
    points = _add_up(words)
    if has_code and not _DESCRIBING.search(words):
        points["code"] = points.get("code", 0.0) + _CODE_POINTS
    return _best(points)


def _add_up(words: str) -> dict[str, float]:
    points: dict[str, float] = {}
    for rule in _matching_rules(words):
        points[rule.intent] = points.get(rule.intent, 0.0) + rule.points
    return points


def _matching_rules(words: str) -> Iterable[Rule]:
    return (rule for rule in RULES if rule.pattern.search(words))


def _best(points: Mapping[str, float]) -> str:
    best = max(_ORDER, key=lambda intent: points.get(intent, 0.0))
    enough = max(ENOUGH, points.get("general", 0.0))
    return best if points.get(best, 0.0) >= enough else "general"
