"""When two answers count as equal, and which answer has the most votes. Pure.

Models that agree seldom use exactly the same characters. So texts are compared without case,
without layout, and without the punctuation around them. Tool calls are compared by their names and
their arguments; the order of the arguments' keys does not count.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

from omen.core.events import Event, RefusalDelta, TextDelta, ToolCallDelta

_STRIPPED = " \t\n.!`*\"'\u201c\u201d\u2018\u2019"
"""Characters that are removed at both ends of a text."""


def canonical_answer(events: Sequence[Event]) -> Hashable:
    """Return the canonical form of an answer. The forms of answers that agree are equal."""
    calls = _calls(events)
    if calls:
        return tuple(calls)
    text = "".join(e.text for e in events if isinstance(e, TextDelta | RefusalDelta))
    words = unicodedata.normalize("NFKC", text).casefold().split()
    return " ".join(words).strip(_STRIPPED)


def _calls(events: Sequence[Event]) -> list[tuple[str, str]]:
    names: dict[int, str] = {}
    arguments: defaultdict[int, str] = defaultdict(str)
    for event in events:
        if isinstance(event, ToolCallDelta):
            names[event.index] = names.get(event.index) or event.name or ""
            arguments[event.index] += event.arguments
    # Sorted: calls of one turn run side by side, so their order means nothing.
    return sorted((name, _canonical_json(arguments[index])) for index, name in names.items())


def _canonical_json(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments.strip()


def is_decided(answers: Sequence[Hashable], to_come: int) -> bool:
    """Return whether no other answer can still reach the votes of the leading one.

    `answers` holds the canonical form of each complete draft. `to_come`: the drafts still running.
    """
    votes = [count for _, count in Counter(answers).most_common(2)]
    if not votes:
        return False
    second = votes[1] if len(votes) > 1 else 0
    return second + to_come < votes[0]


def winners(answers: Sequence[Hashable]) -> list[int]:
    """Return the indexes of the drafts whose answer has the most votes; several on a tie."""
    votes = Counter(answers)
    most = max(votes.values())
    return [index for index, answer in enumerate(answers) if votes[answer] == most]
