"""The circuit breaker of one endpoint, fed by attempts and by probes. No I/O, no clock of its own.

A failed attempt counts if the failure is the upstream's fault. Several in a row open the breaker;
some kinds (a refused key) open it at once. A failed probe opens it at once, too, because a probe
tests nothing but the endpoint.

While the breaker is open the endpoint is *down*. After a pause, which doubles with each opening in
a row, the endpoint is *recovering*, and the first successful attempt closes the breaker. A
successful probe closes the breaker if a probe has failed since it opened. If only attempts have
failed, it just ends the pause: a server can list its models and still fail to answer.

A client's fault does not count: a bad request would have got no answer anywhere. A rate limit does
not count either; it only sets a pause.
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
DEFAULT_COOLING = 2.0
"""Seconds for which an endpoint ranks last after a rate limit without a `Retry-After`."""
MISSING_SECONDS = 60.0
"""Seconds for which a model that an endpoint did not have ranks last there."""

_K = FailureKind
UPSTREAM_FAULTS = frozenset(
    {_K.OVERLOADED, _K.SERVER_ERROR, _K.TIMEOUT, _K.CONNECTION, _K.TRUNCATED, _K.PROTOCOL}
)
"""Kinds that open the breaker after `FAILURES_IN_A_ROW` of them."""
LASTING_FAULTS = frozenset({_K.UPSTREAM_AUTH, _K.UPSTREAM_MISCONFIGURED, _K.QUOTA})
"""Kinds that open the breaker at once, because the next request would fail in the same way."""
CLIENT_FAULTS = frozenset({_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.TOO_LARGE, _K.CONTENT_FILTER})
"""Kinds that the request has caused. They say nothing about the upstream."""

HINTS: Mapping[FailureKind, str] = MappingProxyType(
    {
        _K.UPSTREAM_AUTH: "check the api_key of this provider, and what it may use",
        _K.UPSTREAM_MISCONFIGURED: "check its base URL, its deployments and api_version",
        _K.QUOTA: "its account has no quota left: raise it or pay, or wait for the next period",
        _K.OVERLOADED: "it is overloaded: wait",
        _K.SERVER_ERROR: "it answers with errors: look at its status page or its log",
        _K.TIMEOUT: "it does not answer in time: is it loading, overloaded, or unreachable?",
        _K.CONNECTION: "is it running, and is its address right?",
        _K.TRUNCATED: "its answers break off: look at its log, and at proxies in between",
        _K.PROTOCOL: "another server than the configured one seems to answer: check its base URL",
        _K.NOT_FOUND: "check its base URL and the names of its models",
    }
)
"""What an operator can do about each kind of failure."""


@dataclass(slots=True)
class Breaker:
    """The circuit breaker of one endpoint. Times are on trio's clock; the caller passes `now`."""

    failures: int = 0
    """Failures in a row."""
    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_failure: UpstreamFailure | None = None
    cooling_until: float = 0.0
    since: float = 0.0
    """The time since which the state is as it is: the first success (of an attempt or a probe), or
    the last opening or closing of the breaker; before any of these, the time of the creation. The
    change from down to recovering leaves it as it is."""
    _retry_at: float | None = None
    """The time at which the pause ends; None while the breaker is closed."""
    _opened: int = 0
    """How often it opened without a success in between."""
    _by_probe: bool = False
    """Whether a probe has failed since the breaker opened."""
    _missing: dict[str, float] = field(default_factory=dict)
    """For each missing model, the time until which it counts as missing."""

    def state(self, now: float) -> State:
        """Return the endpoint's state."""
        if self._retry_at is not None:
            return "down" if now < self._retry_at else "recovering"
        return "unknown" if self.last_success_at is None else "healthy"

    def is_missing(self, model: str, now: float) -> bool:
        """Return whether the endpoint lately did not have a model."""
        return self._missing.get(model, 0.0) > now

    def succeed(self, now: float, model: str | None = None) -> None:
        """Record an attempt that got its whole answer, and close the breaker."""
        self._missing.pop(model or "", None)
        self._note_success(now)
        self.failures, self._opened, self._retry_at, self._by_probe = 0, 0, None, False

    def fail(self, failure: UpstreamFailure, now: float, model: str = "") -> None:
        """Record a failed attempt."""
        kind = failure.kind
        if kind in CLIENT_FAULTS:
            # The endpoint has the model, or it would have answered 404. This is no success: we do
            # not know whether a good request would have been answered, and a caller's bad requests
            # must not reset the count of failed good ones.
            self._missing.pop(model, None)
        elif kind is _K.NOT_FOUND:
            self._missing[model] = now + MISSING_SECONDS
        elif kind is _K.RATE_LIMIT:
            # A 429 without `Retry-After` must not shorten the pause that an earlier 429 has set.
            pause = failure.retry_after or DEFAULT_COOLING
            self.cooling_until = max(self.cooling_until, now + pause)
        elif kind in UPSTREAM_FAULTS or kind in LASTING_FAULTS:
            self._count(failure, now)
            is_lasting = kind in LASTING_FAULTS
            if is_lasting or self.failures >= FAILURES_IN_A_ROW or self._retry_at is not None:
                self._open(now, by_probe=False)

    def probed(self, failure: UpstreamFailure | None, now: float) -> None:
        """Record a probe, which succeeded if `failure` is None."""
        if failure is not None:
            self._count(failure, now)
            self._open(now, by_probe=True)
        elif self._by_probe:
            self.succeed(now)
        elif self._retry_at is None:
            # Listing models is not answering a chat, so the failures in a row are not reset.
            self._note_success(now)
        else:
            self._retry_at = min(self._retry_at, now)

    def _note_success(self, now: float) -> None:
        if self._retry_at is not None or self.last_success_at is None:
            self.since = now
        self.last_success_at = now

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
            # This attempt already ran when the breaker opened. One fault that several running
            # attempts meet must not double the pause once for each of them.
            return
        pause = min(FIRST_PAUSE * 2**self._opened, LONGEST_PAUSE)
        self._opened = min(self._opened + 1, 10)
        self._retry_at = now + pause
