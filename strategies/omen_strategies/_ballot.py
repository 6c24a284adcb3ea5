"""When two answers are the same one, and which of them has won. Pure.

Models that agree do not say so in the same letters. So texts are compared without case, without
what is only layout, and without the marks around them; and a call of a tool by its name and its
arguments, whatever order the keys are in.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

from omen.core.events import Event, RefusalDelta, TextDelta, ToolCallDelta

_AROUND = " \t\n.!`*\"'\u201c\u201d\u2018\u2019"


def canonical_answer(events: Sequence[Event]) -> Hashable:
    """Say what an answer comes to; equal for answers that agree."""
    calls = _calls(events)
    if calls:
        return tuple(calls)
    text = "".join(e.text for e in events if isinstance(e, TextDelta | RefusalDelta))
    words = unicodedata.normalize("NFKC", text).casefold().split()
    return " ".join(words).strip(_AROUND)


def _calls(events: Sequence[Event]) -> list[tuple[str, str]]:
    names: dict[int, str] = {}
    arguments: defaultdict[int, str] = defaultdict(str)
    for event in events:
        if isinstance(event, ToolCallDelta):
            names[event.index] = names.get(event.index) or event.name or ""
            arguments[event.index] += event.arguments
    # Which of two calls came first is the model's whim: they are to run side by side.
    return sorted((name, _canonical(arguments[index])) for index, name in names.items())


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments.strip()


def is_decided(opinions: Sequence[Hashable], to_come: int) -> bool:
    """Whether no other answer can catch up with the one that most agree on."""
    votes = [count for _, count in Counter(opinions).most_common(2)]
    if not votes:
        return False
    second = votes[1] if len(votes) > 1 else 0
    return second + to_come < votes[0]


def winners(opinions: Sequence[Hashable]) -> list[int]:
    """List who holds an opinion that nobody's has more votes than, by index."""
    votes = Counter(opinions)
    most = max(votes.values())
    return [index for index, held in enumerate(opinions) if votes[held] == most]
