"""Puts the candidates of a request in order, and gives the reason for the order.

1. `names` turns the name of the model into groups of candidates. Providers that the caller excluded
   and models that its key may not use are dropped.
2. Each remaining candidate is assessed once (`assessment`). A candidate that cannot serve the
   request is left out, unless no candidate can.
3. The endpoints of a provider are sorted by health and load, then each group by `preference`:
   usually by score.
4. Further endpoints of a provider come after every provider's first one. Then all candidates are
   sorted by rank, which overrides every step above.
5. The candidate that made the conversation so far goes first, unless its health is bad.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from omen.core.callers import ANYBODY, Caller
from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.core.prompt_size import known_size
from omen.routing.decide.assessment import Assessment, Assessor
from omen.routing.decide.eligibility import NO_NEEDS, Needs, needs_of
from omen.routing.decide.intent import classify
from omen.routing.decide.names import Group, Names
from omen.routing.decide.preference import Preferences

_MAX_QUOTED = 100
"""The number of characters of a caller's name that an error repeats."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The candidate that made the conversation so far."""

    name: str
    """`provider/model`."""
    warm: bool = False
    """Whether its prompt cache probably holds the beginning of the conversation."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a plan depends on besides the model's name and the hints."""

    request: ChatRequest | None = None
    caller: Caller = ANYBODY
    maker: Maker | None = None


NO_CONTEXT = RequestContext()


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates of a request in order, and the reason for the order.

    `left_out` holds `provider/model` and the reason for each candidate that cannot serve it.
    """

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
    """Finds the candidates of a request and puts them in order."""

    names: Names
    prefer: Preferences
    assessor: Assessor

    def rank(self, model: str, hints: RaceHints, context: RequestContext) -> Ranked:
        """Return the candidates of a request in order.

        **Raises.** `RequestError`: 404 when no provider serves the model, 403 when the caller's key
        may not use any that does.
        """
        groups = self._permitted(self.names.groups(model), model, hints, context.caller)
        intent = _intent(groups, hints, context)
        reason = self.prefer.reason([group.is_auto for group in groups], intent, hints)
        alone = _only_candidate(groups)
        if alone is not None and context.maker is None:
            # Most requests name one model of one provider. Nothing orders a single candidate, and
            # it is not left out either.
            return Ranked((_with_known_size(alone, context.request),), (), intent, reason)
        needs = NO_NEEDS if context.request is None else needs_of(context.request)
        assessed = [(group, self._assess(group.candidates, needs, hints)) for group in groups]
        able, left_out = _able(assessed)
        ordered: dict[Candidate, Assessment] = {}
        for group, assessments in able:
            key = self.prefer.order(group.is_auto, intent, hints)
            # Every sort here is stable, so this one keeps the order of endpoints with equal keys.
            for item in sorted(_by_endpoint(assessments), key=lambda item: key(item.candidate)):
                ordered.setdefault(item.candidate, item)
        # A candidate that is down is ranked, not left out: if all are, the plan tries them.
        best = sorted(_endpoints_last(ordered.values()), key=lambda item: item.rank)
        return _with_maker_first(best, Ranked((), left_out, intent, reason), context.maker)

    def find_judge(self, name: str, hints: RaceHints, caller: Caller) -> Candidate | None:
        """Return the candidate that judges drafts: the first one that the caller may use.

        Return None if the caller may use no candidate of this name.
        """
        usable = [
            candidate
            for candidate in self.names.find(name)
            if (hints.providers is None or candidate.provider in hints.providers)
            and self._may_use(caller, name, candidate)
        ]
        assessments = _by_endpoint(self._assess(usable, NO_NEEDS, hints))
        return next((item.candidate for item in assessments), None)

    def similar(self, model: str, caller: Caller) -> str | None:
        """Return the name that a caller probably meant, of those it may use; None if none is."""
        return self.names.similar(model, partial(self._may_use, caller))

    def _permitted(
        self, groups: Sequence[Group], model: str, hints: RaceHints, caller: Caller
    ) -> Sequence[Group]:
        # In two steps, because the errors differ: 404 if no provider of the hints serves the
        # model, 403 if one does and only the key forbids it.
        providers = hints.providers
        listed = groups
        if providers is not None:
            listed = _only(groups, lambda candidate: candidate.provider in providers)
        if not any(group.candidates for group in listed):
            meant = self.similar(model, caller)
            raise _not_found(model, providers, meant)
        if not caller.models:
            return listed
        permitted = [
            replace(g, candidates=[c for c in g.candidates if self._may_use(caller, g.name, c)])
            for g in listed
        ]
        if not any(group.candidates for group in permitted):
            raise RequestError(
                f"this key may not use the model {quoted(model)}",
                param="model",
                status=403,
                code="model_not_allowed",
            )
        return permitted

    def _may_use(self, caller: Caller, name: str, candidate: Candidate) -> bool:
        """Return whether a caller may use a candidate that `name` has found.

        A key for an alias may use every model of it by that name, whatever the alias stands for.
        """
        if name in self.names.aliases and caller.may_use_alias(name):
            return True
        return caller.may_use(candidate.provider, candidate.model)

    def _assess(
        self, candidates: Sequence[Candidate], needs: Needs, hints: RaceHints
    ) -> Sequence[Assessment]:
        weights = hints.priority_weights
        return [self.assessor.assess(candidate, needs, weights) for candidate in candidates]


def _only(groups: Sequence[Group], allows: _Allows) -> Sequence[Group]:
    return [replace(g, candidates=[c for c in g.candidates if allows(c)]) for g in groups]


def _only_candidate(groups: Sequence[Group]) -> Candidate | None:
    candidates = [candidate for group in groups for candidate in group.candidates]
    return candidates[0] if len(candidates) == 1 else None


def _with_known_size(candidate: Candidate, request: ChatRequest | None) -> Candidate:
    """Return a candidate with the size of the prompt, if that was measured."""
    size = None if request is None else known_size(request)
    return candidate if size is None else replace(candidate, prompt_tokens=size.likely)


def _able(groups: _Groups) -> tuple[_Groups, tuple[tuple[str, str], ...]]:
    """Return the candidates that can serve a request, and the others with their reasons.

    If no candidate can, return all of them and let the vendors decide: the facts about a model may
    be wrong, and the vendor's refusal is more precise than OMEN's.
    """
    left_out = {
        item.candidate.name: item.excluded_because
        for _, assessments in groups
        for item in assessments
        if item.excluded_because is not None
    }
    able = [
        (group, [item for item in assessments if item.candidate.name not in left_out])
        for group, assessments in groups
    ]
    if not any(assessments for _, assessments in able):
        return groups, ()
    return able, tuple(left_out.items())


def _intent(groups: Sequence[Group], hints: RaceHints, context: RequestContext) -> str | None:
    """Return the caller's intent. Without one, classify the request if the order depends on it."""
    if hints.intent is not None or context.request is None:
        return hints.intent
    if not any(group.is_auto for group in groups):
        return None
    return classify(context.request.messages)


def _by_endpoint(assessments: Iterable[Assessment]) -> Iterable[Assessment]:
    """Yield the endpoints of each provider sorted: by health, then by load."""
    for _, endpoints in groupby(assessments, key=lambda item: item.candidate.name):
        yield from sorted(endpoints, key=lambda item: (item.health, item.load))


def _endpoints_last(assessments: Iterable[Assessment]) -> Sequence[Assessment]:
    """Return the first endpoint of every provider, then the further ones.

    So two endpoints of one provider race only when no other provider is left.
    """
    first: dict[str, Assessment] = {}
    further: list[Assessment] = []
    for item in assessments:
        if first.setdefault(item.candidate.name, item) is not item:
            further.append(item)
    return (*first.values(), *further)


def _with_maker_first(best: Sequence[Assessment], ranked: Ranked, maker: Maker | None) -> Ranked:
    """Return `ranked` with the candidates, the maker of the conversation first.

    A maker whose health is bad stays where its rank puts it.
    """
    candidates = tuple(item.candidate for item in best)
    first = next((item for item in best if maker and item.candidate.name == maker.name), None)
    if maker is None or first is None or first.health.is_bad:
        return replace(ranked, candidates=candidates)
    warmed = [_with_prompt_cache(candidate, maker) for candidate in candidates]
    lead = warmed.pop(candidates.index(first.candidate))
    return replace(
        ranked,
        candidates=(lead, *warmed),
        sticky=lead,
        reason=f"{ranked.reason}; {lead.name} made the conversation so far",
    )


def _with_prompt_cache(candidate: Candidate, maker: Maker) -> Candidate:
    """Return a candidate with what the maker of a conversation says of its prompt cache."""
    warm = maker.warm and candidate.name == maker.name
    return replace(candidate, warm=warm, cold=not warm)


def _not_found(model: str, allowed: Collection[str] | None, meant: str | None) -> RequestError:
    among = f" among omen.providers {', '.join(allowed)}" if allowed is not None else ""
    hint = f"; did you mean {quoted(meant)}?" if meant and meant != model else ""
    return RequestError(
        f"no provider{among} serves the model {quoted(model)}{hint}",
        param="model",
        status=404,
        code="model_not_found",
    )


def quoted(name: str) -> str:
    """Return a name that a caller gave, quoted and cut to a fixed length."""
    return repr(name if len(name) <= _MAX_QUOTED else name[:_MAX_QUOTED] + "…")
