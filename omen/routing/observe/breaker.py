"""The circuit breaker of what may fail: an endpoint, or one model there. No I/O, no clock.

A failed attempt counts if the failure is the upstream's fault. Several in a row open the breaker;
of the kinds that the next request would meet again (a refused key) two are enough, one of which may
be a caller's own doing (a 403 for its content).

While the breaker is open its subject is *down*. After a pause, which doubles with each opening in a
row, it is *recovering*, and the first successful attempt closes the breaker. A successful probe
closes the breaker if a probe has failed since it opened. If only attempts have failed, it just ends
the pause: a server can list its models and still fail to answer.

A client's fault does not count: a bad request would have got no answer anywhere. A rate limit does
not count either; it only sets a pause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from omen.core.errors import FailureKind, UpstreamFailure

State = Literal["unknown", "healthy", "recovering", "down"]

FAILURES_IN_A_ROW = 3
LASTING_IN_A_ROW = 2
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
DEFAULT_COOLING = 2.0
"""Seconds for which a model ranks last after a rate limit without a `Retry-After`."""

_K = FailureKind
UPSTREAM_FAULTS = frozenset(
    {_K.OVERLOADED, _K.SERVER_ERROR, _K.TIMEOUT, _K.CONNECTION, _K.TRUNCATED, _K.PROTOCOL}
)
"""Kinds that open the breaker after `FAILURES_IN_A_ROW` of them."""
LASTING_FAULTS = frozenset({_K.UPSTREAM_AUTH, _K.UPSTREAM_MISCONFIGURED, _K.QUOTA})
"""Kinds that open the breaker after `LASTING_IN_A_ROW`: the next request would fail alike."""
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
        _K.RATE_LIMIT: "it asks for fewer requests: wait, or raise its limits",
    }
)
"""What an operator can do about each kind of failure."""


def hint_of(failure: UpstreamFailure) -> str:
    """Return what an operator can do about a failure."""
    return failure.hint or HINTS.get(failure.kind, "see its log")


@dataclass(slots=True)
class Breaker:
    """One circuit breaker. Times are on trio's clock; the caller passes `now`."""

    failures: int = 0
    """Failures in a row."""
    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_failure: UpstreamFailure | None = None
    cooling_until: float = 0.0
    since: float = 0.0
    """The time since which the state is as it is: the creation, the first success, or the last time
    at which the breaker opened or closed. The change from down to recovering leaves it as it is."""
    _retry_at: float | None = None
    """The time at which the pause ends; None while the breaker is closed."""
    _opened: int = 0
    """How often it opened without a success in between."""
    _by_probe: bool = False
    """Whether a probe has failed since the breaker opened."""

    def state(self, now: float) -> State:
        """Return the subject's state."""
        if self._retry_at is not None:
            return "down" if now < self._retry_at else "recovering"
        return "unknown" if self.last_success_at is None else "healthy"

    def retry_in(self, now: float) -> float | None:
        """Return the seconds until the pause of an open breaker ends; None while it is closed."""
        return None if self._retry_at is None else max(0.0, self._retry_at - now)

    @property
    def is_lasting(self) -> bool:
        """Whether the latest attempt failed in a way that the next one would meet again."""
        failure = self.last_failure
        return self.failures > 0 and failure is not None and failure.kind in LASTING_FAULTS

    @property
    def fails_slowly(self) -> bool:
        """Whether a trial of it would cost a request its time, not just an attempt."""
        return self.last_failure is not None and self.last_failure.kind is _K.TIMEOUT

    def succeed(self, now: float) -> None:
        """Record an attempt that got its whole answer, and close the breaker."""
        self._note_success(now)
        self.failures, self._opened, self._retry_at, self._by_probe = 0, 0, None, False

    def fail(self, failure: UpstreamFailure, now: float) -> None:
        """Record a failed attempt."""
        kind = failure.kind
        if kind is _K.RATE_LIMIT:
            # A 429 without `Retry-After` must not shorten the pause that an earlier 429 has set.
            pause = failure.retry_after or DEFAULT_COOLING
            self.cooling_until = max(self.cooling_until, now + pause)
        elif kind in UPSTREAM_FAULTS or kind in LASTING_FAULTS:
            self._count(failure, now)
            enough = LASTING_IN_A_ROW if kind in LASTING_FAULTS else FAILURES_IN_A_ROW
            if self.failures >= enough or self._retry_at is not None:
                self._open(now, by_probe=False)

    def condemn(self, failure: UpstreamFailure, now: float) -> None:
        """Record a failed attempt and open at once, because other evidence agrees with it."""
        self._count(failure, now)
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
            self.end_pause(now)

    def end_pause(self, now: float) -> None:
        """Let the next attempt show whether it answers again."""
        if self._retry_at is not None:
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


def described(failure: UpstreamFailure) -> str:
    """Describe a failure in OMEN's words: an upstream's may contain a key or part of a prompt."""
    status = failure.upstream_status
    return f"it answered with status {status}" if status else "it gave no usable answer"
