"""Puts the candidates of a request in order, and says why they stand like that.

1. `names` turns the model's name into groups of candidates. Providers that the caller excluded and
   models that its key may not use are dropped.
2. Each candidate left is judged once (`assessment`). One that cannot serve the request is left out,
   unless none can.
3. A provider's endpoints are ordered by health and load, then each group by what the caller wants
   (`preference`), mostly by score.
4. Further endpoints of a provider go behind every provider's first, and the rank has the last word.
5. The candidate that made the conversation so far goes first, unless its health is bad.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from omen.core.callers import ANYBODY, Caller
from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.routing.decide.assessment import Assessment, Assessor
from omen.routing.decide.eligibility import NOTHING, Needs, needs_of
from omen.routing.decide.intent import classify
from omen.routing.decide.names import Group, Names
from omen.routing.decide.preference import Preferences

_LONGEST = 100
"""Characters of a name from the caller that an error repeats."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The candidate that made the conversation so far."""

    name: str
    """`provider/model`."""
    warm: bool = False
    """Whether its prompt cache probably holds the beginning of the conversation."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a plan depends on beside the model's name and the hints."""

    request: ChatRequest | None = None
    caller: Caller = ANYBODY
    maker: Maker | None = None


NO_CONTEXT = RequestContext()


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates of a request in order, and how that order came about."""

    candidates: tuple[Candidate, ...]
    left_out: tuple[tuple[str, str], ...]
    intent: str | None
    reason: str
    sticky: Candidate | None = None
    """The candidate that goes first because it made the conversation so far."""


_Allows = Callable[[Candidate], bool]
_Groups = Sequence[tuple[Group, Sequence[Assessment]]]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Finds and orders candidates."""

    names: Names
    prefer: Preferences
    assessor: Assessor

    def rank(self, model: str, hints: RaceHints, context: RequestContext) -> Ranked:
        """Return the candidates of a request in order.

        **Raises.** `RequestError`: 404 when no provider serves the model, 403 when the caller's key
        may not use any that does.
        """
        groups = self._permitted(self.names.groups(model), model, hints, context.caller)
        needs = NOTHING if context.request is None else needs_of(context.request)
        judged = [(group, self._assess(group.candidates, needs, hints)) for group in groups]
        able, left_out = _able(judged)
        intent = _intent(groups, hints, context)
        ordered: dict[Candidate, Assessment] = {}
        for group, assessments in able:
            key = self.prefer.order(group.is_auto, intent, hints)
            for one in sorted(_by_endpoint(assessments), key=lambda one: key(one.candidate)):
                ordered.setdefault(one.candidate, one)
        # A candidate that is down is ranked, not left out: if all are, the plan tries them.
        best = sorted(_endpoints_last(ordered.values()), key=lambda one: one.rank)
        reason = self.prefer.reason([group.is_auto for group in groups], intent, hints)
        return _with_maker_first(best, Ranked((), left_out, intent, reason), context.maker)

    def find_judge(self, name: str, hints: RaceHints, caller: Caller) -> Candidate | None:
        """Return who judges drafts: the first provider of a name that the caller may use."""
        allows = _allowed_by(hints, caller)
        usable = [candidate for candidate in self.names.find(name) if allows(candidate)]
        judged = _by_endpoint(self._assess(usable, NOTHING, hints))
        return next((one.candidate for one in judged), None)

    def _permitted(
        self, groups: Sequence[Group], model: str, hints: RaceHints, caller: Caller
    ) -> Sequence[Group]:
        named = _only(groups, _allowed_by(hints, ANYBODY))
        if not any(group.candidates for group in named):
            raise _not_found(model, hints.providers)
        permitted = _only(named, _allowed_by(hints, caller))
        if not any(group.candidates for group in permitted):
            raise RequestError(
                f"this key may not use the model {quoted(model)}",
                param="model",
                status=403,
                code="model_not_allowed",
            )
        return permitted

    def _assess(
        self, candidates: Sequence[Candidate], needs: Needs, hints: RaceHints
    ) -> Sequence[Assessment]:
        weights = hints.priority_weights
        return [self.assessor.assess(candidate, needs, weights) for candidate in candidates]


def _allowed_by(hints: RaceHints, caller: Caller) -> _Allows:
    """Return whether a candidate is among the providers of the hints and the models of a key."""
    providers = hints.providers
    return lambda c: (
        (providers is None or c.provider in providers) and (caller.may_use(c.provider, c.model))
    )


def _only(groups: Sequence[Group], allows: _Allows) -> Sequence[Group]:
    return [replace(g, candidates=[c for c in g.candidates if allows(c)]) for g in groups]


def _able(groups: _Groups) -> tuple[_Groups, tuple[tuple[str, str], ...]]:
    """Leave out candidates that cannot serve a request, unless none can.

    Then the vendors decide: what is known of a model may be wrong, and the model's own refusal
    says more than ours.
    """
    left_out = {
        one.candidate.name: one.excluded_because
        for _, assessments in groups
        for one in assessments
        if one.excluded_because is not None
    }
    able = [
        (group, [one for one in assessments if one.candidate.name not in left_out])
        for group, assessments in groups
    ]
    if not any(assessments for _, assessments in able):
        return groups, ()
    return able, tuple(left_out.items())


def _intent(groups: Sequence[Group], hints: RaceHints, context: RequestContext) -> str | None:
    """Return the caller's intent; guess it where the order depends on it."""
    if hints.intent is not None or context.request is None:
        return hints.intent
    if not any(group.is_auto for group in groups):
        return None
    return classify(context.request.messages)


def _by_endpoint(assessments: Iterable[Assessment]) -> Iterable[Assessment]:
    """Order each provider's endpoints: the healthy ones first, then those with the least load."""
    for _, endpoints in groupby(assessments, key=lambda one: one.candidate.name):
        yield from sorted(endpoints, key=lambda one: (one.health, one.load))


def _endpoints_last(assessments: Iterable[Assessment]) -> Sequence[Assessment]:
    """Put each provider's further endpoints behind every provider's first.

    Two endpoints of one provider race only when there is no other provider left.
    """
    first: dict[str, Assessment] = {}
    further: list[Assessment] = []
    for one in assessments:
        if first.setdefault(one.candidate.name, one) is not one:
            further.append(one)
    return (*first.values(), *further)


def _with_maker_first(best: Sequence[Assessment], ranked: Ranked, maker: Maker | None) -> Ranked:
    """Fill in the candidates, the maker of the conversation first unless its health is bad."""
    candidates = tuple(one.candidate for one in best)
    made = next((one for one in best if maker and one.candidate.name == maker.name), None)
    if maker is None or made is None or made.health.is_bad:
        return replace(ranked, candidates=candidates)
    warmed = [replace(c, warm=maker.warm) if c.name == maker.name else c for c in candidates]
    lead = warmed.pop(candidates.index(made.candidate))
    return replace(
        ranked,
        candidates=(lead, *warmed),
        sticky=lead,
        reason=f"{ranked.reason}; {lead.name} made the conversation so far",
    )


def _not_found(model: str, allowed: Collection[str] | None) -> RequestError:
    among = f" among omen.providers {', '.join(allowed)}" if allowed is not None else ""
    return RequestError(
        f"no provider{among} serves the model {quoted(model)}",
        param="model",
        status=404,
        code="model_not_found",
    )


def quoted(name: str) -> str:
    """Quote a name that a caller gave, cut to a sensible length."""
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")
