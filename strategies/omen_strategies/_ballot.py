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
from math import comb, exp, lgamma

from omen.core.events import Event, RefusalDelta, TextDelta, ToolCallDelta

_ROUNDING = 1e-9
"""What a probability may be above a risk that it equals."""
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
    arguments: defaultdict[int, list[str]] = defaultdict(list)
    for event in events:
        if isinstance(event, ToolCallDelta):
            names[event.index] = names.get(event.index) or event.name or ""
            arguments[event.index].append(event.arguments)
    # Sorted: calls of one turn run side by side, so their order means nothing.
    return sorted(
        (name, _canonical_json("".join(arguments[index]))) for index, name in names.items()
    )


def _canonical_json(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments.strip()


def votes_of(answers: Sequence[Hashable]) -> tuple[int, ...]:
    """Return the votes of each distinct answer, most first."""
    return tuple(count for _, count in Counter(answers).most_common())


def upset(votes: Sequence[int], to_come: int) -> float:
    """Return the probability, at most, that another answer wins once all drafts are complete.

    `votes` are those of `votes_of`; `to_come` drafts are not complete. The share of drafts that
    give the leading answer is unknown, and before the first draft every share counts as equally
    likely. So of the drafts to come, those that agree have the beta-binomial distribution. As the
    worst case, all others agree on the answer that is second now, and a tie is lost.
    """
    if not votes or is_won(votes, to_come):
        return 0.0 if votes else 1.0
    agree, others = 1 + votes[0], 1 + sum(votes[1:])
    second = votes[1] if len(votes) > 1 else 0
    most = (second + to_come - votes[0]) // 2
    whole = _log_beta(agree, others)
    return sum(
        comb(to_come, more) * exp(_log_beta(agree + more, others + to_come - more) - whole)
        for more in range(most + 1)
    )


def is_won(votes: Sequence[int], to_come: int) -> bool:
    """Return whether no other answer can reach the votes of the leading one, or none is to come."""
    second = votes[1] if len(votes) > 1 else 0
    return bool(votes) and (not to_come or second + to_come < votes[0])


def needed(votes: Sequence[int], to_come: int, risk: float) -> int:
    """Return how many further drafts decide the vote if all of them agree with the leading answer.

    Fewer cannot, so more need not run at the same time.
    """
    leading, *others = votes or (0,)
    for more in range(to_come):
        if leading + more and upset((leading + more, *others), to_come - more) <= risk + _ROUNDING:
            return more
    return to_come


def _log_beta(a: int, b: int) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def winners(answers: Sequence[Hashable]) -> list[int]:
    """Return the indexes of the drafts whose answer has the most votes; several on a tie."""
    votes = Counter(answers)
    most = max(votes.values())
    return [index for index, answer in enumerate(answers) if votes[answer] == most]
