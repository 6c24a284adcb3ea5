"""Who may answer a request, and in which order: from groups of candidates to one line.

Within a group candidates are ordered by score × the caller's weight; in `auto` that comes second,
after what is preferred for the caller's intent; `tags.priority` puts the price in its place.
Then further endpoints go behind everybody's first, and who stands badly behind who stands well.
Who cannot serve the request is left out, with the reason kept, unless nobody can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType

from omen.core.callers import ANYBODY, Caller
from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.routing.decide.eligibility import NOTHING, Needs, needs_of
from omen.routing.decide.intent import classify
from omen.routing.decide.names import Group, Names
from omen.routing.decide.preference import Preferences
from omen.routing.decide.score import blended_price
from omen.routing.observe.health import STANDS_BADLY, Standing

_LONGEST = 100
"""Characters of a name from the caller that an error repeats."""
_TIGHT = 2
"""How far back one belongs that can probably not read so much; as far as one that recovers."""

_Key = Callable[[Candidate], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made the conversation so far. `warm`: its prompt cache probably holds the beginning."""

    name: str
    """`provider/model`."""
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and by whom, as far as a plan depends on it."""

    request: ChatRequest | None = None
    caller: Caller = ANYBODY
    maker: Maker | None = None


NOTHING_SAID = Asked()


@dataclass(frozen=True, slots=True)
class Found:
    """Who may answer, in order, and how that came about."""

    candidates: tuple[Candidate, ...]
    left_out: tuple[tuple[str, str], ...]
    intent: str | None
    reason: str
    sticky: Candidate | None = None
    """The candidate that goes first because it made the conversation so far."""


@dataclass(frozen=True, slots=True)
class Lineup:
    """Puts candidates in line. What is known of them is asked for, candidate by candidate."""

    names: Names
    prefer: Preferences
    standing: Standing
    score: Callable[[Candidate], float]
    behind: Callable[[Candidate], int]
    """How far back one belongs for other reasons than its health."""

    def find(self, model: str, hints: RaceHints, asked: Asked) -> Found:
        """Find who may answer, in order. **Raises.** `RequestError` when nobody may."""
        allowed = hints.providers
        named = [
            replace(
                group,
                candidates=[
                    c for c in group.candidates if allowed is None or c.provider in allowed
                ],
            )
            for group in self.names.groups(model)
        ]
        if not any(group.candidates for group in named):
            raise _nobody(model, allowed)
        permitted = [_permitted(group, asked.caller) for group in named]
        if not any(group.candidates for group in permitted):
            raise RequestError(
                f"this key may not use the model {shown(model)}",
                param="model",
                status=403,
                code="model_not_allowed",
            )
        return self._ordered(permitted, hints, asked)

    def _ordered(self, groups: Sequence[Group], hints: RaceHints, asked: Asked) -> Found:
        needs = NOTHING if asked.request is None else needs_of(asked.request)
        able, left_out = _able(groups, needs)
        intent = self._intent(groups, hints, asked)
        ordered: dict[Candidate, None] = {}
        for group in able:
            scored = [self._scored(c, hints.priority_weights) for c in group.candidates]
            ordered |= dict.fromkeys(sorted(scored, key=self._order(group, intent, hints)))
        # If all are down, the plan is to try them all the same.
        last = sorted(_endpoints_last(ordered), key=lambda one: self._rank(one, needs))
        reason = self._reason(groups, intent, hints)
        found = Found(tuple(last), tuple(left_out.items()), intent, reason)
        return found if asked.maker is None else self._with_first(found, asked.maker)

    def _with_first(self, found: Found, maker: Maker) -> Found:
        """Put the maker of the conversation first, unless its health is bad.

        Stickiness only changes the order: an unhealthy maker still ranks where it did.
        """
        made = [c for c in found.candidates if c.name == maker.name]
        if not made or self.standing(made[0])[0] >= STANDS_BADLY:
            return found
        lead, *further = (replace(candidate, warm=maker.warm) for candidate in made)
        others = [c for c in found.candidates if c.name != maker.name]
        # The best endpoint goes first; further ones of it stand behind everybody's first.
        return replace(
            found,
            candidates=(lead, *others, *further),
            sticky=lead,
            reason=f"{found.reason}; {lead.name} made the conversation so far",
        )

    def _intent(self, groups: Sequence[Group], hints: RaceHints, asked: Asked) -> str | None:
        """Take the caller's word for what it wants; guess where the order depends on it."""
        if hints.intent is not None or asked.request is None:
            return hints.intent
        if not any(group.is_auto for group in groups):
            return None
        return classify(asked.request.messages)

    def _order(self, group: Group, intent: str | None, hints: RaceHints) -> _Key:
        """Give what the candidates of a group are sorted by."""
        by_priority = _ORDER_BY_PRIORITY.get(_priority(hints))
        if by_priority is not None:
            return by_priority
        if group.is_auto:
            rank = self.prefer.rank
            wanted = intent or "general"
            return lambda candidate: (*rank(candidate, wanted), -candidate.score)
        return lambda candidate: (-candidate.score,)

    def _rank(self, candidate: Candidate, needs: Needs) -> int:
        """Say how far back a candidate belongs, whatever its score."""
        rank = max(self.standing(candidate)[0], self.behind(candidate))
        return max(rank, _TIGHT) if needs.is_tight(candidate) else rank

    def _reason(self, groups: Sequence[Group], intent: str | None, hints: RaceHints) -> str:
        if _priority(hints) in _ORDER_BY_PRIORITY:
            return f"{_priority(hints)}, by price"
        if any(group.is_auto for group in groups):
            return self.prefer.describe(intent or "general")
        return "by score" if len(groups) == 1 else "in the order written"

    def _scored(self, candidate: Candidate, weights: Mapping[str, float]) -> Candidate:
        score = self.score(candidate) * weights.get(candidate.provider, 1.0)
        return replace(candidate, score=score)


def _priority(hints: RaceHints) -> str:
    return (hints.tags or {}).get("priority", "")


def _able(groups: Sequence[Group], needs: Needs) -> tuple[Sequence[Group], dict[str, str]]:
    """Leave out who cannot serve a request, unless nobody can: then their vendors have the word.

    What is known of a model may be wrong, and a refusal by the model itself is the better one.
    """
    left_out = {
        c.name: why for group in groups for c in group.candidates if (why := needs.why_not(c))
    }
    able = [
        replace(group, candidates=[c for c in group.candidates if c.name not in left_out])
        for group in groups
    ]
    return (able, left_out) if any(group.candidates for group in able) else (groups, {})


def _permitted(group: Group, caller: Caller) -> Group:
    if not caller.models:
        return group
    return replace(
        group, candidates=[c for c in group.candidates if caller.may_use(c.provider, c.model)]
    )


def _nobody(model: str, allowed: Collection[str] | None) -> RequestError:
    among = f" among omen.providers {', '.join(allowed)}" if allowed is not None else ""
    return RequestError(
        f"no provider{among} serves the model {shown(model)}",
        param="model",
        status=404,
        code="model_not_found",
    )


def _cheapest_first(candidate: Candidate) -> tuple[float, ...]:
    """Order by price at three tokens in for one out; what is not known is taken for dear."""
    price = candidate.card.price
    return (inf if price is None else float(blended_price(price)), -candidate.score)


def _dearest_first(candidate: Candidate) -> tuple[float, ...]:
    """Order by quality, for which a vendor's own price is the only measure that all have."""
    price = candidate.card.price
    return (0.0 if price is None else -float(blended_price(price)), -candidate.score)


_ORDER_BY_PRIORITY: Mapping[str, _Key] = MappingProxyType(
    {"cost-effective": _cheapest_first, "high-quality": _dearest_first}
)


def _endpoints_last(candidates: Collection[Candidate]) -> tuple[Candidate, ...]:
    """Put each provider's further endpoints behind everybody's first.

    Racing two endpoints of one provider against each other is what is left when there is no other
    provider, not what to begin with.
    """
    first: dict[str, Candidate] = {}
    further: list[Candidate] = []
    for candidate in candidates:
        if first.setdefault(candidate.name, candidate) is not candidate:
            further.append(candidate)
    return (*first.values(), *further)


def shown(name: str) -> str:
    """Repeat a name that a caller gave, as far as is sensible."""
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")
