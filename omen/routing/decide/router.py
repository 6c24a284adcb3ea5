"""From the name of a model, the caller's hints and the request to a plan.

`ranking` gives the candidates in order. This module adds the strategy, the number of candidates and
the deadlines. It starts nothing and changes nothing; it reads the candidates' current state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from omen.core.callers import Caller
from omen.core.candidates import Candidate
from omen.core.chat import asks_for_reasoning
from omen.core.errors import FAILOVER_KINDS, FailureKind, RequestError
from omen.core.hints import RaceHints, ReasoningCounts
from omen.core.plan import Expectation, Merge, Plan, Spare, Vote
from omen.routing.decide.assessment import Assessor
from omen.routing.decide.deadline import Odds, choose_plan
from omen.routing.decide.names import Names
from omen.routing.decide.preference import Preferences
from omen.routing.decide.provider_words import ProviderWords
from omen.routing.decide.ranking import NO_CONTEXT, Ranking, RequestContext, quoted
from omen.routing.models.catalog import Catalog
from omen.routing.observe.survival import Survival

_LOW_LATENCY = ("race", "speculate_k", "single")
"""The strategies for `tags.priority: low-latency`, the fastest first. The key may forbid some."""
_CHEAPEST_FIRST = ("single", "speculate_k", "race", "parallel_merge")
_UNHEDGED = frozenset({"single", "race"})
_NO_SAMPLES = Survival((), (), 0)
_NO_OBSERVATIONS = Odds(
    survival=lambda candidate: _NO_SAMPLES,
    delay=lambda candidate: inf,
    is_expected=lambda candidate: True,
)


@dataclass(frozen=True, slots=True)
class PlanDefaults:
    """The values that apply where the caller gives none. Durations are in seconds."""

    strategy: str = "single"
    k: int = 2
    max_k: int = 8
    min_useful_tokens: int = 5
    reasoning_counts: ReasoningCounts = False
    failover_on: frozenset[FailureKind] = FAILOVER_KINDS
    gate: tuple[str, ...] = ()
    max_latency: float = inf
    timeout: float = 3600.0
    """For the beginning of an answer; `inf` for none."""
    auto: bool = False
    slo_target: float = 0.99
    spare: Spare | None = None
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    kinds: Sequence[str] = ()
    """Every kind of provider there is, in use or not."""
    disabled: Sequence[str] = ()
    """The names of configured providers that are not in use."""
    prefer: Preferences = field(default_factory=Preferences)


class Router:
    """Makes plans over a catalog."""

    def __init__(
        self,
        catalog: Catalog,
        defaults: PlanDefaults,
        strategies: Collection[str],
        assessor: Assessor | None = None,
        *,
        odds: Odds = _NO_OBSERVATIONS,
        extra_starts: Callable[[], int] = lambda: 8,
    ) -> None:
        self._catalog = catalog
        self._defaults = defaults
        self._strategies = sorted(strategies)
        self._odds = odds
        self._hedge_delay = odds.delay
        self._extra_starts = extra_starts
        self._words = ProviderWords(catalog, defaults.kinds, defaults.disabled)
        names = Names(catalog, defaults.aliases)
        self._ranking = Ranking(names, defaults.prefer, assessor or Assessor())

    def plan(
        self,
        model: str,
        hints: RaceHints,
        accepted_at: float,
        context: RequestContext = NO_CONTEXT,
    ) -> Plan:
        """Return a plan: the candidates in order, the strategy and the deadlines.

        `accepted_at` is the time on trio's clock at which the request was accepted.

        **Raises.** `RequestError`: 404 `model_not_found` when there is no candidate, 403 when the
        caller's key forbids all of them, 400 when a hint names a strategy or a provider that does
        not exist, or a `k` that is too large.
        """
        defaults = self._defaults
        self._check(hints)
        hints, words_left_out = self._resolve_providers(hints)
        ranked = self._ranking.rank(model, hints, context)
        candidates = ranked.candidates
        max_latency = defaults.max_latency if hints.max_latency is None else hints.max_latency
        commit_deadline = accepted_at + max_latency
        strategy, k, expected = self._choose_strategy(
            hints, candidates, max_latency, commit_deadline, context.caller
        )
        return Plan(
            strategy=strategy,
            candidates=candidates,
            k=k,
            min_useful_tokens=hints.min_useful_tokens or defaults.min_useful_tokens,
            reasoning_counts=self._reasoning_counts(hints, context),
            failover_on=defaults.failover_on,
            gate=defaults.gate if hints.gate is None else hints.gate,
            intent=ranked.intent,
            left_out=(*ranked.left_out, *words_left_out),
            reason=ranked.reason,
            commit_deadline=commit_deadline,
            begin_deadline=accepted_at + defaults.timeout,
            total_deadline=accepted_at + (hints.total_timeout or inf),
            hedge_delays=self._hedge_delays(strategy, candidates, hints),
            merge=self._merge(hints, context.caller),
            restart=hints.restart,
            spare=defaults.spare,
            allows_extra=self._allows_extra,
            budget_usd=hints.budget_usd,
            sticky=ranked.sticky,
            expected=expected,
        )

    def hint_of_name(self, model: str, caller: Caller) -> str:
        """Return which other name a caller probably meant and may use; empty if none is near."""
        meant = self._ranking.similar(model, caller)
        return "" if meant in (None, model) else f"did you mean {quoted(str(meant))}?"

    def _reasoning_counts(self, hints: RaceHints, context: RequestContext) -> ReasoningCounts:
        """Return whether reasoning counts; a request that asks for it decides `auto`."""
        said, request = hints.reasoning_counts, context.request
        mode = self._defaults.reasoning_counts if said is None else said
        if mode != "auto" or request is None:
            return mode
        says_nothing = request.reasoning_effort is None and not (request.extras or request.verbatim)
        if not says_nothing and asks_for_reasoning(request):
            return True
        return mode

    def _choose_strategy(
        self,
        hints: RaceHints,
        candidates: Sequence[Candidate],
        max_latency: float,
        deadline: float,
        caller: Caller,
    ) -> tuple[str, int, Expectation | None]:
        """Return strategy, k and expectation: as the caller requests, or as the deadline needs.

        The expectation is set only when OMEN chose the strategy for the sake of the deadline.
        Without a strategy from the caller, OMEN chooses among those that the key may use.

        **Raises.** `RequestError` (403) when the caller names a strategy that its key may not use,
        or the key may use no installed strategy.
        """
        k = hints.k or self._defaults.k
        if hints.strategy is not None:
            if caller.strategies and not caller.may_run(hints.strategy):
                raise _not_allowed(hints.strategy, caller)
            return hints.strategy, k, None
        if (hints.tags or {}).get("priority") == "low-latency":
            return self._first_allowed(_LOW_LATENCY, caller), k, None
        if self._defaults.auto and max_latency < inf:
            target = self._defaults.slo_target
            choice = choose_plan(
                candidates[: hints.k or self._defaults.max_k],
                max_latency,
                target,
                odds=self._odds,
                default_k=k,
                extra_starts=self._extra_starts(),
                allowed=caller.may_run,
            )
            if choice is not None:
                expected = Expectation(choice.probability, target, deadline)
                return choice.strategy, choice.k, expected
        return self._first_allowed((self._defaults.strategy, *_CHEAPEST_FIRST), caller), k, None

    def _first_allowed(self, strategies: Sequence[str], caller: Caller) -> str:
        """Return the first of these strategies that a caller may use, else any installed one."""
        if not caller.strategies:
            return strategies[0]
        allowed = (s for s in (*strategies, *self._strategies) if caller.may_run(s))
        strategy = next(allowed, None)
        if strategy is None:
            raise _not_allowed(strategies[0], caller)
        return strategy

    def _hedge_delays(
        self, strategy: str, candidates: Sequence[Candidate], hints: RaceHints
    ) -> Mapping[Candidate, float]:
        if strategy in _UNHEDGED:
            return {}
        if hints.hedge_delay is not None:
            return dict.fromkeys(candidates, hints.hedge_delay)
        return {candidate: self._hedge_delay(candidate) for candidate in candidates}

    def _merge(self, hints: RaceHints, caller: Caller) -> Merge:
        judge = None
        if hints.judge is not None:
            judge = self._ranking.find_judge(hints.judge, hints, caller)
            if judge is None:
                raise RequestError(
                    f"omen.merge.judge: no permitted provider serves the model "
                    f"{quoted(hints.judge)}",
                    param="omen.merge.judge",
                    status=404,
                    code="model_not_found",
                )
        method = hints.merge_method or "synthesize"
        vote = Vote() if method == "vote" else None
        return Merge(method, judge, hints.quorum, hints.vote_risk, vote)

    def _allows_extra(self) -> bool:
        return self._extra_starts() >= 1

    def _resolve_providers(self, hints: RaceHints) -> tuple[RaceHints, tuple[tuple[str, str], ...]]:
        """Return the hints with names of providers for kinds, and the words that were left out."""
        if not hints.providers and not hints.priority_weights:
            return hints, ()
        names, left_out = self._words.allowed(hints.providers or ())
        weights = self._words.weights(hints.priority_weights)
        allowed = names if hints.providers else hints.providers
        return replace(hints, providers=allowed, priority_weights=weights), left_out

    def _check(self, hints: RaceHints) -> None:
        if hints.k is not None and hints.k > self._defaults.max_k:
            raise RequestError(
                f"omen.k must be at most {self._defaults.max_k}, got {hints.k}", param="omen.k"
            )
        if hints.strategy is not None and hints.strategy not in self._strategies:
            raise RequestError(
                f"omen.strategy must be one of {', '.join(self._strategies)}, "
                f"got {quoted(hints.strategy)}",
                param="omen.strategy",
            )


def _not_allowed(strategy: str, caller: Caller) -> RequestError:
    return RequestError(
        f"this key may not use the strategy {strategy}; allowed: {', '.join(caller.strategies)}",
        param="omen.strategy",
        status=403,
        code="strategy_not_allowed",
    )
