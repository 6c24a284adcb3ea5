"""From a model's name and the caller's hints to a plan. Pure but for reading trio's clock.

**Models.** `auto` (every provider's first configured model: a list that was found begins with
anything, a voice or an embedding); `provider/model`, split at the first
slash and only when what stands before it is a configured provider; an alias; a bare id (every
provider that lists it); or a comma-separated list of these. What a list spells out is tried in the
order written; within an alias, a bare id or `auto`, the order is score × the caller's weight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from omen.candidates import Candidate
from omen.errors import RequestError
from omen.hints import RaceHints
from omen.plan import Expectation, Merge, Plan
from omen.routing._survival import Survival
from omen.routing.catalog import Catalog, CatalogProvider
from omen.routing.choice import choose
from omen.routing.health import Standing
from omen.routing.hedging import hedge_delays

AUTO = "auto"
_LONGEST = 100
"""Characters of a name from the caller that an error repeats."""
_STRATEGY_BY_PRIORITY = {"low-latency": "race"}
_UNHEDGED = frozenset({"single", "race"})
_UNKNOWN = Survival((), (), 0)


@dataclass(frozen=True, slots=True)
class PlanDefaults:
    """What holds where the caller said nothing. Durations are seconds."""

    strategy: str = "single"
    k: int = 2
    max_k: int = 8
    min_useful_tokens: int = 5
    reasoning_counts: bool = False
    max_latency: float = inf
    total_timeout: float = 600.0
    auto: bool = False
    slo_target: float = 0.99
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Router:
    """Makes plans over a catalog."""

    def __init__(
        self,
        catalog: Catalog,
        defaults: PlanDefaults,
        strategies: Collection[str],
        standing: Standing = lambda candidate: (0, 0),
        *,
        survival: Callable[[Candidate], Survival] = lambda candidate: _UNKNOWN,
        hedge_delay: Callable[[Candidate], float] = lambda candidate: inf,
    ) -> None:
        self._catalog = catalog
        self._defaults = defaults
        self._strategies = sorted(strategies)
        self._standing = standing
        self._survival = survival
        self._hedge_delay = hedge_delay

    def plan(self, model: str, hints: RaceHints, accepted_at: float) -> Plan:
        """Decide who may answer, in which order and by which deadlines.

        **Raises.** `RequestError`: 404 `model_not_found` when nobody is a candidate, 400 when a
        hint names a strategy or a provider that does not exist, or asks for too many.
        """
        defaults = self._defaults
        self._check(hints)
        candidates = self._candidates(model, hints)
        max_latency = defaults.max_latency if hints.max_latency is None else hints.max_latency
        # The server's own bound holds whatever a caller asks for.
        total = min(defaults.total_timeout, hints.total_timeout or inf)
        commit_deadline = accepted_at + max_latency
        strategy, k, expected = self._way(hints, candidates, max_latency, commit_deadline)
        return Plan(
            strategy=strategy,
            candidates=candidates,
            k=k,
            min_useful_tokens=hints.min_useful_tokens or defaults.min_useful_tokens,
            reasoning_counts=defaults.reasoning_counts,
            intent=hints.intent,
            commit_deadline=commit_deadline,
            total_deadline=accepted_at + total,
            hedge_delays=self._hedge_delays(strategy, candidates, hints),
            merge=self._merge(hints),
            restart=hints.restart,
            budget_usd=hints.budget_usd,
            expected=expected,
        )

    def _way(
        self,
        hints: RaceHints,
        candidates: Sequence[Candidate],
        max_latency: float,
        deadline: float,
    ) -> tuple[str, int, Expectation | None]:
        """Say how the plan is run: as asked for, or as the deadline needs it."""
        k = hints.k or self._defaults.k
        strategy = self._named_strategy(hints)
        if strategy is not None or not self._defaults.auto or max_latency == inf:
            return strategy or self._defaults.strategy, k, None
        target = self._defaults.slo_target
        most = candidates[: hints.k or self._defaults.max_k]
        choice = choose(
            most,
            max_latency,
            target,
            survival=self._survival,
            delay=self._hedge_delay,
            default_k=k,
        )
        return choice.strategy, choice.k, Expectation(choice.probability, target, deadline)

    def _hedge_delays(
        self, strategy: str, candidates: Sequence[Candidate], hints: RaceHints
    ) -> Mapping[Candidate, float]:
        if strategy in _UNHEDGED:
            return {}
        if hints.hedge_delay is not None:
            return dict.fromkeys(candidates, hints.hedge_delay)
        return hedge_delays(candidates, self._hedge_delay)

    def _merge(self, hints: RaceHints) -> Merge:
        judge = None
        if hints.judge is not None:
            allowed = hints.providers
            found = self._resolve(hints.judge)
            judge = next((c for c in found if allowed is None or c.provider in allowed), None)
            if judge is None:
                raise RequestError(
                    f"omen.merge.judge: no provider that may answer serves the model "
                    f"{_shown(hints.judge)}",
                    param="omen.merge.judge",
                    status=404,
                    code="model_not_found",
                )
        return Merge(hints.merge_method or "synthesize", judge, hints.quorum)

    def _check(self, hints: RaceHints) -> None:
        if hints.k is not None and hints.k > self._defaults.max_k:
            raise RequestError(
                f"omen.k must be at most {self._defaults.max_k}, got {hints.k}", param="omen.k"
            )
        if hints.strategy is not None and hints.strategy not in self._strategies:
            raise RequestError(
                f"omen.strategy must be one of {', '.join(self._strategies)}, "
                f"got {_shown(hints.strategy)}",
                param="omen.strategy",
            )
        self._check_providers("omen.providers", hints.providers or ())
        self._check_providers("omen.priority_weights", hints.priority_weights)

    def _check_providers(self, param: str, names: Collection[str]) -> None:
        for name in names:
            if name not in self._catalog:
                raise RequestError(
                    f"{param} names {_shown(name)}, which is not configured; configured: "
                    f"{', '.join(self._catalog.names) or 'none'}",
                    param=param,
                )

    def _named_strategy(self, hints: RaceHints) -> str | None:
        priority = (hints.tags or {}).get("priority", "")
        return hints.strategy or _STRATEGY_BY_PRIORITY.get(priority)

    def _candidates(self, model: str, hints: RaceHints) -> tuple[Candidate, ...]:
        weights = hints.priority_weights
        found: list[Candidate] = []
        for name in (part.strip() for part in model.split(",")):
            group = [_weighted(candidate, weights) for candidate in self._resolve(name)]
            found += sorted(group, key=lambda candidate: -candidate.score)
        allowed = hints.providers
        unique = dict.fromkeys(c for c in found if allowed is None or c.provider in allowed)
        if not unique:
            among = f" among omen.providers {', '.join(allowed)}" if allowed is not None else ""
            raise RequestError(
                f"no provider{among} serves the model {_shown(model)}",
                param="model",
                status=404,
                code="model_not_found",
            )
        # Nobody is left out: if all are down, the plan is to try them all the same.
        return tuple(sorted(_endpoints_last(unique), key=lambda one: self._standing(one)[0]))

    def _resolve(self, name: str) -> list[Candidate]:
        aliased = self._defaults.aliases.get(name)
        if aliased is not None:
            return [candidate for target in aliased for candidate in self._by_id(target)]
        return self._by_id(name)

    def _by_id(self, name: str) -> list[Candidate]:
        provider, slash, model = name.partition("/")
        if slash and model and provider in self._catalog:
            return self._at(self._catalog[provider], model)
        if name == AUTO:
            return [c for p in self._catalog if p.models for c in self._at(p, p.models[0])]
        return [c for p in self._catalog if p.lists(name) for c in self._at(p, name)]

    def _at(self, provider: CatalogProvider, model: str) -> list[Candidate]:
        """Order a provider's endpoints: who stands well first, and of those who has least to do."""
        return sorted(provider.candidates(model), key=self._standing)


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")


def _weighted(candidate: Candidate, weights: Mapping[str, float]) -> Candidate:
    weight = weights.get(candidate.provider)
    return candidate if weight is None else replace(candidate, score=candidate.score * weight)


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
