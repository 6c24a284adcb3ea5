"""The error tree. Each upstream failure says whether another candidate may help.

    OmenError
    ├── RequestError            the request is at fault; no upstream got it
    │   ├── BudgetExceeded      the budget does not cover the request
    │   └── RateLimited         the key exceeds its rate limit
    ├── UpstreamFailure         one attempt failed; `kind` classifies the failure
    │   └── AttemptDenied       the attempt never started: a limit of OMEN's own does not allow it
    └── RaceError               the plan as a whole ended without an answer
        ├── AllAttemptsFailed   every attempt failed; carries every reason
        ├── MaxLatencyExceeded  no useful token by the caller's deadline
        ├── TotalTimeoutExceeded
        └── StrategyFault       the strategy itself broke its contract

Each error has a `status` (HTTP), a `type` and a `code` as OpenAI defines them, and a message that
the caller may see: it never contains a key, a prompt or an answer. A secret of the configuration is
sought by its value and masked, whoever wrote the message. Front ends translate errors into
their own dialect; the layers below the front ends know no dialect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omen.core.failure_kinds import FAILOVER_KINDS as FAILOVER_KINDS
from omen.core.failure_kinds import TRAITS
from omen.core.failure_kinds import FailureKind as FailureKind
from omen.core.secrets import redact

if TYPE_CHECKING:
    from omen.core.candidates import Candidate


class OmenError(Exception):
    """The base of every error that OMEN reports to a caller. `message` is safe to show."""

    status: int = 500
    type: str = "server_error"
    code: str | None = "internal_error"
    param: str | None = None
    retry_after: float | None = None
    """Seconds after which a retry may help. None: unknown."""

    def __init__(self, message: str) -> None:
        message = redact(message)
        super().__init__(message)
        self.message = message


class RequestError(OmenError):
    """The request cannot be served as it stands, whatever the candidate.

    `param` names the field at fault as the caller spells it (`omen.k`, `messages.0.content`).
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


class UpstreamFailure(OmenError):
    """One attempt at one candidate failed.

    `failover`: whether another candidate may help. `retryable`: whether the same candidate may help
    later. `retry_after`: the pause that the upstream asked for, in seconds. `upstream_status`: the
    HTTP status of the upstream's response; None when the failure does not come from a status.
    `window`: the model's context length in tokens, if a `CONTEXT_LENGTH` failure states it.
    `hint`: what the operator can do, where more is known than the kind says.
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
        window: int | None = None,
    ) -> None:
        super().__init__(message)
        traits = TRAITS[kind]
        self.kind = kind
        self.status = traits.status
        self.type = "invalid_request_error" if traits.status < 429 else "upstream_error"
        self.code = upstream_code or kind.value
        self.retryable = traits.retryable
        self.failover = traits.failover if failover is None else failover
        self.retry_after = retry_after
        self.upstream_status = upstream_status
        self.request_id = request_id
        self.window = window
        self.hint: str | None = None

    def without_traceback(self) -> UpstreamFailure:
        """Return a copy without the traceback, for records that outlive the request.

        The frames of a traceback hold prompts and answers.
        """
        copy = UpstreamFailure.__new__(UpstreamFailure, *self.args)
        copy.__dict__.update(self.__dict__)
        return copy


class AttemptDenied(UpstreamFailure):
    """An attempt was not started, because a limit of OMEN's own does not allow it.

    The denial is no evidence about the health of the candidate. `failover`: whether another
    candidate may be admitted (this candidate is full, or too expensive). If it is false, no start
    of this kind is allowed now. `retryable`: whether the start may be allowed soon (a slot becomes
    free); a budget does not refill by waiting.
    """

    def __init__(self, reason: str, *, failover: bool = True, retryable: bool = True) -> None:
        super().__init__(FailureKind.OVERLOADED, f"not started: {reason}", failover=failover)
        self.retryable = retryable


class BudgetExceeded(RequestError):
    """The budget of a request does not cover the cheapest plan that could answer it."""

    def __init__(self, message: str, *, param: str | None = "omen.budget_usd") -> None:
        super().__init__(message, param=param, status=402, code="budget_exceeded")
        self.type = "insufficient_quota"


class RateLimited(RequestError):
    """A key exceeded one of its limits per minute. `limit_type`: the limit, as the error's type."""

    def __init__(self, message: str, limit_type: str, retry_after: float | None) -> None:
        super().__init__(message, status=429, code="rate_limit_exceeded")
        self.type = limit_type
        self.retry_after = retry_after


ENOUGH_ATTEMPTS = 3
"""Attempts at one request. The vendors' own SDKs make as many: one and two repetitions."""


class RaceError(OmenError):
    """The plan ended without an answer.

    `is_final`: whether the caller should not repeat the request. Repeating cannot cure the failure,
    or OMEN made `ENOUGH_ATTEMPTS` itself.
    """

    is_final: bool = False


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A candidate, and the failure of its attempt."""

    candidate: Candidate
    failure: UpstreamFailure

    def __post_init__(self) -> None:
        """Cut off the traceback, which refers to the frames of the attempt.

        They hold the request and its answer, and the race that keeps this record: a cycle, which
        would stay until the next collection of garbage.
        """
        self.failure.__traceback__ = None


class AllAttemptsFailed(RaceError):
    """No attempt committed. The message names every attempt and its reason.

    The status is that of the most informative failure. A fault of the request itself comes first:
    it would fail everywhere. Then a temporary failure, because repeating the request may cure it,
    whatever another candidate lacks for good. Among equals the order is 400, 413, 404, 429, 503,
    502, 500, 504. `retry_after` is the shortest pause that an upstream with a temporary failure
    asked for.
    """

    def __init__(self, attempts: Sequence[FailedAttempt]) -> None:
        reasons = "; ".join(f"{a.candidate.name}: {a.failure.message}" for a in attempts)
        super().__init__(f"every attempt failed ({len(attempts)}): {reasons}")
        self.attempts = tuple(attempts)
        failures = [attempt.failure for attempt in attempts]
        best = min(failures, key=_informativeness)
        self.status = best.status
        self.type = best.type
        self.code = best.code
        pauses = [f.retry_after for f in failures if f.retryable == best.retryable]
        self.retry_after = min((pause for pause in pauses if pause is not None), default=None)
        started = [f for f in failures if not isinstance(f, AttemptDenied)]
        # A denial cost nobody anything: the caller may always come back when a slot is free.
        is_spent = best in started and len(started) >= ENOUGH_ATTEMPTS
        self.is_final = is_spent or not best.retryable

    def add_hint(self, hint: str) -> None:
        """Add what the caller may do about it to the message, unless the hint is empty."""
        if hint:
            self.message = f"{self.message}; {redact(hint)}"
            self.args = (self.message,)

    @property
    def is_fault_of_request(self) -> bool:
        """Whether an upstream said that the request itself is wrong."""
        return any(a.failure.kind is FailureKind.INVALID_REQUEST for a in self.attempts)


class MaxLatencyExceeded(RaceError):
    """`max_latency_ms` passed without visible output. The message names every attempt."""

    status = 504
    type = "timeout_error"
    code = "max_latency_exceeded"

    def __init__(self, failed: Sequence[FailedAttempt], late: Sequence[Candidate]) -> None:
        reasons = [f"{f.candidate.name}: {f.failure.message}" for f in failed]
        reasons += [f"{candidate.name}: nothing visible yet" for candidate in late]
        super().__init__("no useful token by max_latency_ms: " + "; ".join(reasons))
        self.is_final = len(failed) + len(late) >= ENOUGH_ATTEMPTS


class TotalTimeoutExceeded(RaceError):
    """`total_timeout_ms` (or the server's own bound) passed before the answer was complete."""

    status = 504
    type = "timeout_error"
    code = "total_timeout_exceeded"


class StrategyFault(RaceError):
    """A strategy raised an error that the contract does not allow, or returned without a winner.

    The caller may see `detail`: it has the type and the place of an error, never its text.
    """

    status = 500
    code = "strategy_error"
    is_final = True

    def __init__(self, strategy: str, detail: str) -> None:
        super().__init__(f"the strategy {strategy} has a fault: {detail}")


def _informativeness(failure: UpstreamFailure) -> tuple[int, int]:
    """Return the sort key: see `AllAttemptsFailed`."""
    if isinstance(failure, AttemptDenied):
        # A denied attempt says nothing about the request. It says something about the moment if
        # nothing else does: a slot that becomes free cures what no other candidate can.
        return (2 if failure.retryable else 4), 0
    order = [400, 413, 404, 429, 503, 502, 500, 504]
    group = 0 if not failure.failover else 1 if failure.retryable else 3
    return group, order.index(failure.status)
