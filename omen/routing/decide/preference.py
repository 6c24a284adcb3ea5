"""The sort key of the candidates of one name: score, price, or the preferences of `auto`. Pure.

`tags.priority` sorts by price. For `auto` the operator's preferences come first: a list per intent
names providers or kinds, and a candidate that is not in the list comes after those that are.
Otherwise the score decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

from omen.core.candidates import Candidate
from omen.core.hints import RaceHints
from omen.routing.decide.score import blended_price

OrderKey = Callable[[Candidate], tuple[float, ...]]
"""The sort key of a candidate; the smallest comes first."""
_DEFAULT_INTENT = "general"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The operator's preferences for `auto`.

    `by_intent` maps an intent to providers or kinds, the most preferred first; `[]` means by score.
    For the intents in `local_for`, local providers come first.
    """

    by_intent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    local_for: Collection[str] = ()

    def order(self, is_auto: bool, intent: str | None, hints: RaceHints) -> OrderKey:
        """Return the sort key for the candidates of one name."""
        by_price = _BY_PRIORITY.get(_priority(hints))
        if by_price is not None:
            return by_price
        if is_auto:
            intent_or_default = intent or _DEFAULT_INTENT
            return lambda candidate: (*self._place(candidate, intent_or_default), -candidate.score)
        return lambda candidate: (-candidate.score,)

    def reason(self, is_auto: Sequence[bool], intent: str | None, hints: RaceHints) -> str:
        """Return a description of the order, for all names of a request."""
        priority = _priority(hints)
        if priority in _BY_PRIORITY:
            return f"{priority}, by price"
        if any(is_auto):
            return self._describe(intent or _DEFAULT_INTENT)
        return "by score" if len(is_auto) == 1 else "in the order written"

    def _place(self, candidate: Candidate, intent: str) -> tuple[int, int]:
        preferred = self.by_intent.get(intent, ())
        names = candidate.provider, candidate.kind
        places = [i for i, name in enumerate(preferred) if name in names]
        remote = intent in self.local_for and not candidate.endpoint.is_local
        return int(remote), min(places, default=len(preferred))

    def _describe(self, intent: str) -> str:
        parts = ["local first"] if intent in self.local_for else []
        parts.append(", then ".join(self.by_intent.get(intent, ())) or "by score")
        return f"auto, intent {intent}: {'; '.join(parts)}"


def _priority(hints: RaceHints) -> str:
    return (hints.tags or {}).get("priority", "")


def _cheapest_first(candidate: Candidate) -> tuple[float, ...]:
    """Sort by price at three input tokens per output token. An unknown price comes last."""
    price = candidate.card.price
    return (inf if price is None else float(blended_price(price)), -candidate.score)


def _most_expensive_first(candidate: Candidate) -> tuple[float, ...]:
    """Sort by quality. The vendor's price is the only measure of it that every model has."""
    price = candidate.card.price
    return (0.0 if price is None else -float(blended_price(price)), -candidate.score)


_BY_PRIORITY: Mapping[str, OrderKey] = MappingProxyType(
    {"cost-effective": _cheapest_first, "high-quality": _most_expensive_first}
)
