"""The health of one endpoint: its host and account, and each of its models apart.

What one model does says nothing of the others: a key may lack one model, one model's limit may be
used up, one model may fail. Only what concerns the host (no connection) or the account (a key that
every model refuses, or a model and the list) concerns all.

An attempt outweighs a probe. A list of models that is refused, limited or broken shows that the
host is there; whether it answers chats is what chats show. Such a list is a hint for the operator.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from math import inf

import trio

from omen.core.candidates import Rank
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import RateLimits
from omen.routing.observe.breaker import (
    CLIENT_FAULTS,
    LASTING_FAULTS,
    Breaker,
    State,
    hint_of,
)
from omen.routing.observe.health_log import HealthLog
from omen.routing.observe.model_health import ModelHealth
from omen.routing.observe.used_up import has_nothing_left

MISSING_SECONDS = 60.0
"""Seconds for which a model that an endpoint did not have ranks last there."""
OUTWEIGHED_SECONDS = 600.0
"""For how long a chat's success outweighs what probes say of the account."""
MAX_MODELS = 400
"""The number of models that are remembered, those with the latest attempts: callers name them."""

FORGOTTEN_SECONDS = 86_400.0
"""For how long a model is remembered that nobody asks for."""
_FORBIDDEN = 403
_ORDER: tuple[State, ...] = ("down", "recovering", "unknown", "healthy")
"""From the worst to the best."""
_RANKS: dict[State, Rank] = {
    "healthy": Rank.READY,
    "unknown": Rank.READY,
    "recovering": Rank.DOUBTFUL,
    "down": Rank.DOWN,
}
_HOST_FAULTS = frozenset({FailureKind.CONNECTION})
_UNREACHABLE = frozenset({FailureKind.CONNECTION, FailureKind.TIMEOUT})
"""Kinds of a failed probe that say that the host does not answer. A status says that it does."""


@dataclass(slots=True)
class EndpointHealth:
    """The health of one endpoint. `url` is its base URL; `listed` returns the models it lists."""

    provider: str
    url: str
    listed: Callable[[], Collection[str]] = tuple
    host: Breaker = field(default_factory=lambda: Breaker(since=trio.current_time()))
    """Of the host and the account, that is of all models at once."""
    models: OrderedDict[str, ModelHealth] = field(default_factory=OrderedDict)
    live: int = 0
    """The number of attempts that run there now, of every kind."""
    probe_seconds: float | None = None
    """The duration of the last successful probe, in seconds."""
    probe_failure: UpstreamFailure | None = None
    """The failure of the last probe; None if it succeeded."""
    list_was_read: bool = False
    """Whether any probe has succeeded. A list that never could be read says nothing of chats."""
    _log: HealthLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = HealthLog(self.provider, self.url)

    @property
    def state(self) -> State:
        """The state of the endpoint now: that of its host, else of the best of its models."""
        now = trio.current_time()
        host = self.host.state(now)
        if host in ("down", "recovering"):
            return host
        states: list[State] = [*self._model_states(now)] or ["unknown"]
        best = max(states, key=_ORDER.index)
        if best == "down" and self._has_only_refusals:
            return "recovering"
        if best in ("down", "recovering") or host == "unknown":
            return best
        return "healthy"

    @property
    def _has_only_refusals(self) -> bool:
        """Whether the list can be read, and each chat that failed was refused, not broken.

        Host and key are well then. A caller may have provoked the refusals, so they must not make
        the gateway unready; the refused models rank as down.
        """
        is_read = self.list_was_read and self.probe_failure is None
        breakers = (model.breaker for model in self.models.values())
        return is_read and all(one.is_lasting for one in breakers if one.failures)

    def _model_states(self, now: float) -> Iterator[State]:
        """Yield the states that count: of every listed model, and of others that answer.

        Other models that fail do not count beside listed ones: callers choose their names.
        """
        listed = self.listed()
        for name in listed:
            yield self.models[name].breaker.state(now) if name in self.models else "unknown"
        for model in self.models.values():
            state = model.breaker.state(now)
            if not listed or state == "healthy":
                yield state

    @property
    def breaker(self) -> Breaker:
        """The breaker with the latest evidence, for operators; the host's if it is not closed."""
        if self.host.state(trio.current_time()) in ("down", "recovering"):
            return self.host
        breakers = [*(model.breaker for model in self.models.values()), self.host]
        return max(
            breakers, key=lambda one: max(_at(one.last_success_at), _at(one.last_failure_at))
        )

    @property
    def failures(self) -> int:
        """The most failures in a row of the host or of one model."""
        models = (model.breaker.failures for model in self.models.values())
        return max((self.host.failures, *models))

    @property
    def cooling_until(self) -> float:
        """Until when the model with the longest rate limit has to wait."""
        return max((model.breaker.cooling_until for model in self.models.values()), default=0.0)

    @property
    def hint(self) -> str | None:
        """What an operator can do about its failure; None while nothing fails."""
        failure = self.breaker.last_failure
        if failure is not None and self.state in ("down", "recovering"):
            return hint_of(failure)
        if self.probe_failure is not None:
            reason = hint_of(self.probe_failure)
            return f"its list of models could not be read, which stops no chat: {reason}"
        return None

    @property
    def wants_probe(self) -> bool:
        """Whether a probe may soon show that it is back: it is down, or a model is refused."""
        now = trio.current_time()
        return self.state == "down" or any(
            model.breaker.is_lasting and model.breaker.state(now) == "down"
            for model in self.models.values()
        )

    def rank(self, name: str, live: int, now: float) -> Rank:
        """Return the rank of one of its models, at which `live` chats run now.

        A recovering model gets one attempt at a time before others: without it nobody would notice
        that it is back while another candidate answers.
        """
        host = _rank(self.host, self.live, now)
        model = self.models.get(name)
        if model is None:
            return host
        rank = max(host, _rank(model.breaker, live, now))
        if model.missing_until > now:
            rank = max(rank, Rank.MISSING)
        if max(model.breaker.cooling_until, model.used_up.until) > now:
            rank = max(rank, Rank.WAITING)
        return rank

    def is_refusing(self, name: str, now: float) -> bool:
        """Return whether a model is down, pauses after a rate limit, or is missing."""
        model = self.models.get(name) or ModelHealth()
        return (
            "down" in (self.host.state(now), model.breaker.state(now))
            or model.breaker.cooling_until > now
            or model.missing_until > now
        )

    def model(self, name: str) -> ModelHealth:
        """Return the health of one of its models, as the one with the latest attempt."""
        model = self.models.setdefault(name, ModelHealth())
        self.models.move_to_end(name)
        now = model.used_at = trio.current_time()
        oldest = next(iter(self.models.values()))
        while len(self.models) > MAX_MODELS or now - oldest.used_at > FORGOTTEN_SECONDS:
            self.models.popitem(last=False)
            oldest = next(iter(self.models.values()))
        return model

    def succeed(self, name: str, now: float) -> None:
        """Record a complete answer of one of its models."""
        model = self.model(name)
        model.missing_until = -inf
        model.breaker.succeed(now)
        self.host.succeed(now)

    def fail(self, failure: UpstreamFailure, name: str, now: float) -> None:
        """Record a failed attempt at one of its models."""
        model, kind = self.model(name), failure.kind
        if kind in _HOST_FAULTS:
            self.host.fail(failure, now)
        elif kind in CLIENT_FAULTS:
            # The endpoint has the model, or it would have answered 404. This is no success: we do
            # not know whether a good request would have been answered, and a caller's bad requests
            # must not reset the count of failed good ones.
            model.missing_until = -inf
        elif kind is FailureKind.NOT_FOUND:
            model.missing_until = now + MISSING_SECONDS
        else:
            model.breaker.fail(failure, now)
            if kind in LASTING_FAULTS and self._is_refused_as_a_whole(failure, now):
                self.host.condemn(failure, now)

    def limited(self, limits: RateLimits, name: str, now: float) -> None:
        """Take over a report of the rate limits of one of its models."""
        if name in self.models or has_nothing_left(limits):
            self.model(name).used_up.take(limits, now)

    def _is_refused_as_a_whole(self, failure: UpstreamFailure, now: float) -> bool:
        """Return whether the account is refused, not one model: all models agree, or the list.

        A list agrees with the same status. A 403 is no such agreement: it says what may not be
        done, and keys that may chat but not list models are common.
        """
        breakers = [model.breaker for model in self.models.values()]
        known = [one for one in breakers if one.failures or one.last_success_at is not None]
        if not all(one.is_lasting for one in known):
            return False
        success = max((_at(one.last_success_at) for one in known), default=-inf)
        probe_agrees = (
            self.probe_failure is not None
            and self.probe_failure.kind in LASTING_FAULTS
            and self.probe_failure.upstream_status == failure.upstream_status != _FORBIDDEN
            and now - success > OUTWEIGHED_SECONDS
        )
        return len(known) > 1 or probe_agrees

    def probed(self, failure: UpstreamFailure | None, now: float) -> None:
        """Record a finished probe, which succeeded if `failure` is None."""
        self.probe_failure = failure
        self.list_was_read |= failure is None
        if failure is None:
            self.host.probed(None, now)
            self._end_pauses(now)
        elif self.host.state(now) in ("down", "recovering"):
            # It agrees with what attempts have shown: no attempt needs to try.
            self.host.probed(failure, now)
        elif failure.kind in _UNREACHABLE and not self._answered_lately(now):
            self.host.probed(failure, now)
        elif failure.kind not in _UNREACHABLE and not self.list_was_read:
            # Neither this list nor a later one can show that a model is back: a trial has to.
            self._end_pauses(now)

    def _end_pauses(self, now: float) -> None:
        for model in self.models.values():
            model.breaker.end_pause(now)

    def _answered_lately(self, now: float) -> bool:
        """Return whether a chat has succeeded here, so that it outweighs a probe."""
        breakers = (model.breaker for model in self.models.values())
        return any(
            not one.failures and now - _at(one.last_success_at) <= OUTWEIGHED_SECONDS
            for one in breakers
        )

    def log_change(self, name: str | None = None) -> None:
        """Log that the endpoint, or one of its models, went down or came up, once per change."""
        state = self.state
        self._log.note(state, self.breaker.last_failure)
        model = None if name is None else self.models.get(name)
        if model is not None and state != "down":
            breaker = model.breaker
            now = breaker.state(trio.current_time())
            failure = breaker.last_failure
            model.logged = self._log.note_model(str(name), now, failure, model.logged)


def _rank(breaker: Breaker, live: int, now: float) -> Rank:
    state = breaker.state(now)
    if state == "recovering" and not live and not breaker.fails_slowly:
        return Rank.READY
    return _RANKS[state]


def _at(time: float | None) -> float:
    return -inf if time is None else time
