"""The error tree. Each failure says whether another candidate may help.

    OmenError
    ├── RequestError            the caller's doing; nothing was sent to anybody
    │   ├── BudgetExceeded      what may be spent does not pay for it
    │   └── RateLimited         its key asks too often
    ├── UpstreamFailure         one attempt failed; `kind` says how
    │   └── AttemptDenied       it was never started: a limit of OMEN's own does not allow it
    └── RaceError               the plan as a whole came to nothing
        ├── AllAttemptsFailed   every attempt failed; carries every reason
        ├── MaxLatencyExceeded  no useful token by the caller's deadline
        ├── TotalTimeoutExceeded
        └── StrategyFault       the strategy itself broke its contract

Each has a `status` (HTTP), a `type` and a `code` in OpenAI's words, and a message that is fit for
the caller: no key, no prompt and no answer is ever in one. Front ends turn them into their own
dialect; nobody below a front end knows of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omen.core.candidates import Candidate


class OmenError(Exception):
    """Anything OMEN reports to a caller. `message` is safe to show."""

    status: int = 500
    type: str = "server_error"
    code: str | None = "internal_error"
    param: str | None = None
    retry_after: float | None = None
    """Seconds after which trying again may help, where somebody said so."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(OmenError):
    """The request cannot be served as it stands, and no candidate would change that.

    `param` names the field at fault in the caller's own spelling (`omen.k`,
    `messages.0.content`).
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        status: int = 400,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = "invalid_request_error"
        self.code = code
        self.param = param


class FailureKind(Enum):
    """How an attempt failed. The value is the word used in records, metrics and error codes."""

    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH = "context_length"
    TOO_LARGE = "too_large"
    CONTENT_FILTER = "content_filter"
    UNSUPPORTED = "unsupported"
    """This candidate cannot do what was asked (images, tools); another one might."""
    NOT_FOUND = "not_found"
    UPSTREAM_AUTH = "upstream_auth"
    UPSTREAM_MISCONFIGURED = "upstream_misconfigured"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    """The upstream could not be reached, or the connection broke before the answer began."""
    TRUNCATED = "truncated"
    """The stream stopped without saying that the answer was complete."""
    PROTOCOL = "protocol"
    """The upstream sent something that is not its own wire format."""
    EMPTY = "empty"
    """A proper answer with nothing visible in it."""
    INTERNAL = "internal"
    """OMEN itself could not write the request for this candidate; its upstream was not asked."""


@dataclass(frozen=True, slots=True)
class _Traits:
    status: int
    retryable: bool
    failover: bool


_TRAITS: dict[FailureKind, _Traits] = {
    FailureKind.INVALID_REQUEST: _Traits(400, retryable=False, failover=False),
    FailureKind.CONTEXT_LENGTH: _Traits(400, retryable=False, failover=False),
    FailureKind.TOO_LARGE: _Traits(413, retryable=False, failover=False),
    FailureKind.CONTENT_FILTER: _Traits(400, retryable=False, failover=False),
    FailureKind.UNSUPPORTED: _Traits(400, retryable=False, failover=True),
    FailureKind.NOT_FOUND: _Traits(404, retryable=False, failover=True),
    FailureKind.UPSTREAM_AUTH: _Traits(502, retryable=False, failover=True),
    FailureKind.UPSTREAM_MISCONFIGURED: _Traits(502, retryable=False, failover=True),
    FailureKind.RATE_LIMIT: _Traits(429, retryable=True, failover=True),
    FailureKind.QUOTA: _Traits(429, retryable=False, failover=True),
    FailureKind.OVERLOADED: _Traits(503, retryable=True, failover=True),
    FailureKind.SERVER_ERROR: _Traits(502, retryable=True, failover=True),
    FailureKind.TIMEOUT: _Traits(504, retryable=True, failover=True),
    FailureKind.CONNECTION: _Traits(502, retryable=True, failover=True),
    FailureKind.TRUNCATED: _Traits(502, retryable=True, failover=True),
    FailureKind.PROTOCOL: _Traits(502, retryable=True, failover=True),
    FailureKind.EMPTY: _Traits(502, retryable=True, failover=True),
    FailureKind.INTERNAL: _Traits(500, retryable=False, failover=True),
}


class UpstreamFailure(OmenError):
    """One attempt at one candidate failed.

    `failover` says whether another candidate may help, `retryable` whether the same one may
    later; `retry_after` is what the upstream asked for, in seconds. `upstream_status` is the
    HTTP status it answered with, None when the failure was found elsewhere.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        failover: bool | None = None,
        retry_after: float | None = None,
        upstream_status: int | None = None,
        upstream_code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        traits = _TRAITS[kind]
        self.kind = kind
        self.status = traits.status
        self.type = "invalid_request_error" if traits.status < 429 else "upstream_error"
        self.code = upstream_code or kind.value
        self.retryable = traits.retryable
        self.failover = traits.failover if failover is None else failover
        self.retry_after = retry_after
        self.upstream_status = upstream_status
        self.request_id = request_id

    def without_traceback(self) -> UpstreamFailure:
        """Make one that can be kept: without a traceback, whose frames hold prompts and answers."""
        copy = UpstreamFailure.__new__(UpstreamFailure, *self.args)
        copy.__dict__.update(self.__dict__)
        return copy


class AttemptDenied(UpstreamFailure):
    """An attempt was not started, because a limit of OMEN's own does not allow it.

    That says nothing about the health of its candidate. `failover`: whether another candidate may
    be let in (this one is full, or too dear). Without it no start of this kind is allowed now.
    """

    def __init__(self, reason: str, *, failover: bool = True) -> None:
        super().__init__(FailureKind.OVERLOADED, f"not started: {reason}", failover=failover)


class BudgetExceeded(RequestError):
    """What may be spent on a request does not pay for the cheapest way to answer it."""

    def __init__(self, message: str, *, param: str | None = "omen.budget_usd") -> None:
        super().__init__(message, param=param, status=402, code="budget_exceeded")
        self.type = "insufficient_quota"


class RateLimited(RequestError):
    """A key has asked for more, in the last minute, than it may."""

    def __init__(self, message: str, what: str, retry_after: float | None) -> None:
        super().__init__(message, status=429, code="rate_limit_exceeded")
        self.type = what
        self.retry_after = retry_after


class RaceError(OmenError):
    """The plan ended without an answer."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """Who failed, and how."""

    candidate: Candidate
    failure: UpstreamFailure


class AllAttemptsFailed(RaceError):
    """No attempt committed. The message names every attempt and its reason.

    The status is that of the most informative failure: what the caller did wrong, over what it
    must wait for, over what broke, over what was merely late. `retry_after` is the shortest wait
    any upstream asked for.
    """

    def __init__(self, attempts: Sequence[FailedAttempt]) -> None:
        reasons = "; ".join(f"{a.candidate.name}: {a.failure.message}" for a in attempts)
        super().__init__(f"every attempt failed ({len(attempts)}): {reasons}")
        self.attempts = tuple(attempts)
        # Who was never started has nothing to tell, if anybody else has.
        told = [a.failure for a in attempts if not isinstance(a.failure, AttemptDenied)]
        best = min(told or [a.failure for a in attempts], key=_informativeness)
        self.status = best.status
        self.type = best.type
        self.code = best.code
        waits = [a.failure.retry_after for a in attempts if a.failure.retry_after is not None]
        self.retry_after = min(waits, default=None)


class MaxLatencyExceeded(RaceError):
    """`max_latency_ms` passed and nobody had said anything visible. Names every attempt."""

    status = 504
    type = "timeout_error"
    code = "max_latency_exceeded"

    def __init__(self, failed: Sequence[FailedAttempt], late: Sequence[Candidate]) -> None:
        reasons = [f"{f.candidate.name}: {f.failure.message}" for f in failed]
        reasons += [f"{candidate.name}: nothing visible yet" for candidate in late]
        super().__init__("no useful token by max_latency_ms: " + "; ".join(reasons))


class TotalTimeoutExceeded(RaceError):
    """`total_timeout_ms` (or the server's own bound) passed before the answer was complete."""

    status = 504
    type = "timeout_error"
    code = "total_timeout_exceeded"


class StrategyFault(RaceError):
    """A strategy raised what no strategy may raise, or returned without a winner.

    `what` is fit for the caller: types and places, no words of the error.
    """

    status = 500
    code = "strategy_error"

    def __init__(self, strategy: str, what: str) -> None:
        super().__init__(f"the strategy {strategy} has a fault: {what}")


def _informativeness(failure: UpstreamFailure) -> int:
    """Lower is more informative: 400 over other 4xx over 429 over 5xx over timeout."""
    order = [400, 413, 404, 429, 503, 502, 500, 504]
    return order.index(failure.status)
