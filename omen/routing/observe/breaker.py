"""One endpoint's standing: a circuit breaker, fed by attempts and by probes. Pure but for a clock.

An attempt that failed in a way that speaks against the upstream counts; several in a row open the
breaker, some kinds (a refused key) at once. A probe looks on purpose, so one that fails opens it at
once. Open, the endpoint is *down* until a pause is over that doubles each time; then it is
*recovering*, and the first success closes it. A probe that succeeds closes what a probe has seen.
Of what attempts alone have seen it only ends the pause: a server can list its models and still fail
to answer.

What is the client's doing says nothing: a bad request would have got no answer anywhere. A rate
limit only asks for a pause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from omen.core.errors import FailureKind, UpstreamFailure

State = Literal["unknown", "healthy", "recovering", "down"]

FAILURES_IN_A_ROW = 3
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
USUAL_COOLING = 2.0
"""Seconds for which an endpoint is asked last that wants less and does not say for how long."""
MISSING_SECONDS = 60.0
"""How long a model that was not found at an endpoint is not expected there."""

_K = FailureKind
AGAINST_THE_UPSTREAM = frozenset(
    {_K.OVERLOADED, _K.SERVER_ERROR, _K.TIMEOUT, _K.CONNECTION, _K.TRUNCATED, _K.PROTOCOL}
)
AT_ONCE = frozenset({_K.UPSTREAM_AUTH, _K.UPSTREAM_MISCONFIGURED, _K.QUOTA})
"""What the next request will meet again."""
THE_CLIENTS_DOING = frozenset(
    {_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.TOO_LARGE, _K.CONTENT_FILTER}
)

HINTS: Mapping[FailureKind, str] = MappingProxyType(
    {
        _K.UPSTREAM_AUTH: "check the api_key of this provider, and what it may use",
        _K.UPSTREAM_MISCONFIGURED: "check its base URL, its deployments and api_version",
        _K.QUOTA: "its account is used up: raise the limit or pay, or wait for the next period",
        _K.OVERLOADED: "it is overloaded: nothing to do here but wait",
        _K.SERVER_ERROR: "it fails: look at its own status page or log",
        _K.TIMEOUT: "it does not answer in time: is it loading, overloaded, or out of reach?",
        _K.CONNECTION: "is it running, and is its address right?",
        _K.TRUNCATED: "it breaks off: look at its own log, and at proxies on the way",
        _K.PROTOCOL: "another server than the one configured seems to answer: check its base URL",
        _K.NOT_FOUND: "check its base URL and the names of its models",
    }
)
"""What the operator can do about it."""


@dataclass(slots=True)
class Breaker:
    """The standing of one endpoint. Times are on trio's clock; each method is told what it is."""

    failures: int = 0
    """Failures in a row."""
    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_failure: UpstreamFailure | None = None
    cooling_until: float = 0.0
    since: float = 0.0
    """When the state was last another one."""
    _retry_at: float | None = None
    """Set while it is open."""
    _opened: int = 0
    """How often in a row."""
    _by_probe: bool = False
    """Whether a probe has failed since it opened."""
    _missing: dict[str, float] = field(default_factory=dict)

    def state(self, now: float) -> State:
        """Say how it stands."""
        if self._retry_at is not None:
            return "down" if now < self._retry_at else "recovering"
        return "unknown" if self.last_success_at is None else "healthy"

    def is_missing(self, model: str, now: float) -> bool:
        """Whether a model was not found there a while ago."""
        return self._missing.get(model, 0.0) > now

    def succeed(self, now: float, model: str | None = None) -> None:
        """An attempt came to its end."""
        self._missing.pop(model or "", None)
        if self._retry_at is not None or self.last_success_at is None:
            self.since = now
        self.failures, self._opened, self._retry_at, self._by_probe = 0, 0, None, False
        self.last_success_at = now

    def fail(self, failure: UpstreamFailure, now: float, model: str = "") -> None:
        """An attempt failed."""
        kind = failure.kind
        if kind in THE_CLIENTS_DOING:
            # The model is there. Whether it would have answered a good request nobody knows: a
            # caller's bad ones must not hide that the good ones fail.
            self._missing.pop(model, None)
        elif kind is _K.NOT_FOUND:
            self._missing[model] = now + MISSING_SECONDS
        elif kind is _K.RATE_LIMIT:
            # A bare 429 must not shorten the pause that another one has asked for.
            pause = failure.retry_after or USUAL_COOLING
            self.cooling_until = max(self.cooling_until, now + pause)
        elif kind in AGAINST_THE_UPSTREAM or kind in AT_ONCE:
            self._count(failure, now)
            if kind in AT_ONCE or self.failures >= FAILURES_IN_A_ROW or self._retry_at is not None:
                self._open(now, by_probe=False)

    def probed(self, failure: UpstreamFailure | None, now: float) -> None:
        """A probe came back."""
        if failure is not None:
            self._count(failure, now)
            self._open(now, by_probe=True)
        elif self._by_probe:
            self.succeed(now)
        elif self._retry_at is None:
            # It lists its models. That is no answer between two failed ones.
            self.last_success_at = now
        else:
            self._retry_at = min(self._retry_at, now)

    def _count(self, failure: UpstreamFailure, now: float) -> None:
        self.failures += 1
        self.last_failure, self.last_failure_at = failure, now

    def _open(self, now: float, *, by_probe: bool) -> None:
        if self._retry_at is None:
            self.since = now
            self._by_probe = by_probe
        elif by_probe:
            self._by_probe = True
        elif now < self._retry_at:
            return  # another of the attempts that were under way when it opened
        pause = min(FIRST_PAUSE * 2**self._opened, LONGEST_PAUSE)
        self._opened = min(self._opened + 1, 10)
        self._retry_at = now + pause
