"""Guesses what a caller wants from its last message, by rules. Pure.

Every rule is a pattern and what finding it is worth to an intent. Points are added up, and the
intent with the most has it; with fewer than `ENOUGH` for any, it is `general`. Rules look at the
words around code, not into it: what stands in a fence only says that there is code. A wrong guess
costs little, since it only orders candidates; how often it is right is measured on prompts that
were not looked at when the rules were written (docs/routing.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from omen.core.chat import Message
from omen.routing.decide.intent_rules import RULES, Rule

ENOUGH = 2.0
LONGEST = 800
"""Characters that are looked at, at both ends of a long message: what it wants is said there."""

_ORDER = ("regex", "tests", "code", "analysis", "explanation")
"""Who has it when points are equal: the narrower one."""

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
_CODE_POINTS = 2.0
_DESCRIBING = re.compile(
    r"\b(?:explain|what does|what is|what'?s going on|understand|describe|line by line|complexity|"
    r"analy[sz]e|review|critique|compare)\b",
)


def classify(messages: Sequence[Message]) -> str:
    """Say which of `omen.core.intents.INTENTS` the last user message is about."""
    asked = next((m.text for m in reversed(messages) if m.role == "user" and m.text), "")
    return classify_text(asked)


def classify_text(asked: str) -> str:
    """Say the same of one text."""
    words = _FENCE.sub(" ", asked)
    has_code = len(words) != len(asked)
    if len(words) > LONGEST:
        words = f"{words[: LONGEST // 2]}\n{words[-LONGEST // 2 :]}"
    words = words.strip().lower()
    points = _add_up(words)
    if has_code and not _DESCRIBING.search(words):
        points["code"] = points.get("code", 0.0) + _CODE_POINTS
    return _best(points)


def _add_up(words: str) -> dict[str, float]:
    points: dict[str, float] = {}
    for rule in _found(words):
        points[rule.intent] = points.get(rule.intent, 0.0) + rule.points
    return points


def _found(words: str) -> Iterable[Rule]:
    return (rule for rule in RULES if rule.pattern.search(words))


def _best(points: Mapping[str, float]) -> str:
    best = max(_ORDER, key=lambda intent: points.get(intent, 0.0))
    enough = max(ENOUGH, points.get("general", 0.0))
    return best if points.get(best, 0.0) >= enough else "general"
