"""The error of a whole plan: which failure gives it its status, and whether to repeat it."""

from __future__ import annotations

import pytest

from omen.core.candidates import Candidate, Endpoint
from omen.core.errors import (
    AllAttemptsFailed,
    AttemptDenied,
    FailedAttempt,
    FailureKind,
    MaxLatencyExceeded,
    StrategyFault,
    TotalTimeoutExceeded,
    UpstreamFailure,
)

SOMEBODY = Candidate("a", "openai", "m", Endpoint("http://a.invalid"), "a")
FULL = AttemptDenied("full")
UNPAID = AttemptDenied("the budget is used up", retryable=False)


def failure(kind: str, retry_after: float | None = None) -> UpstreamFailure:
    return UpstreamFailure(FailureKind(kind), kind, retry_after=retry_after)


def all_failed(*failures: UpstreamFailure) -> AllAttemptsFailed:
    return AllAttemptsFailed([FailedAttempt(SOMEBODY, one) for one in failures])


LIMIT = failure("rate_limit", 5.0)


@pytest.mark.parametrize(
    ("failures", "status", "retry_after"),
    [
        # A temporary failure is not masked by what another candidate lacks for good.
        ([LIMIT, failure("context_length")], 429, 5.0),
        ([LIMIT, failure("not_found")], 429, 5.0),
        ([failure("overloaded"), failure("not_found")], 503, None),
        ([failure("timeout"), failure("upstream_auth")], 504, None),
        ([failure("too_large"), failure("connection")], 502, None),
        # A fault of the request would fail everywhere.
        ([LIMIT, failure("invalid_request")], 400, None),
        ([failure("content_filter"), failure("overloaded")], 400, None),
        # Among equals the more informative one.
        ([failure("not_found"), failure("context_length")], 400, None),
        ([failure("timeout"), LIMIT, failure("overloaded", 2.0)], 429, 2.0),
        # The pause is for what repeating cures: a quota does not refill with it.
        ([failure("quota", 3600.0), LIMIT], 429, 5.0),
        # OMEN's own limits are told only if nothing else is temporary.
        ([FULL, failure("not_found")], 503, None),
        ([FULL, LIMIT], 429, 5.0),
        ([UNPAID, failure("not_found")], 404, None),
    ],
)
def test_the_status_is_that_of_the_failure_that_helps_the_caller_most(
    failures: list[UpstreamFailure], status: int, retry_after: float | None
) -> None:
    for order in (failures, failures[::-1]):
        error = all_failed(*order)
        assert (error.status, error.retry_after) == (status, retry_after)


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (all_failed(LIMIT), False),
        (all_failed(LIMIT, failure("context_length")), False),
        (all_failed(failure("timeout"), failure("timeout")), False),
        (all_failed(failure("timeout"), LIMIT, LIMIT), True),
        (all_failed(failure("timeout"), LIMIT, FULL), False),
        (all_failed(FULL, FULL, FULL), False),
        (all_failed(failure("invalid_request"), LIMIT), True),
        (all_failed(failure("upstream_auth")), True),
        (all_failed(failure("quota")), True),
        (all_failed(UNPAID), True),
        (MaxLatencyExceeded([FailedAttempt(SOMEBODY, LIMIT)], [SOMEBODY]), False),
        (MaxLatencyExceeded([FailedAttempt(SOMEBODY, LIMIT)] * 2, [SOMEBODY]), True),
        (TotalTimeoutExceeded("time is up"), False),
        (StrategyFault("race", "a bug"), True),
    ],
)
def test_a_caller_should_repeat_what_may_be_cured_and_what_was_not_tried_thrice(
    error: AllAttemptsFailed, is_final: bool
) -> None:
    assert error.is_final == is_final
