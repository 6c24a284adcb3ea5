"""The failures of late: equal ones are one entry, and there are so many entries."""

from __future__ import annotations

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, Outcome, RaceRecord
from omen.telemetry import RecentFailures
from tests.providers.asking import candidate


def end(
    failures: RecentFailures,
    model: str = "m",
    kind: FailureKind | None = FailureKind.OVERLOADED,
    outcome: Outcome = "failed",
    race_id: str = "r",
) -> None:
    """Let an attempt end."""
    failure = None if kind is None else UpstreamFailure(kind, "a secret word", upstream_status=503)
    attempt = AttemptRecord(0, candidate("p", model), 0.0, failure=failure, outcome=outcome)
    failures("ended", RaceRecord(race_id, Plan("single", ()), 0.0), attempt)


def test_equal_failures_are_one_entry_that_counts_them() -> None:
    failures = RecentFailures()
    for number in range(1000):
        end(failures, race_id=f"r{number}")
    end(failures, "other")
    end(failures, kind=FailureKind.TIMEOUT, outcome="timed_out")
    found = [(one.model, one.reason, one.upstream_status, one.count) for one in failures]
    assert found == [
        ("m", "timeout", 503, 1),
        ("other", "overloaded", 503, 1),
        ("m", "overloaded", 503, 1000),
    ]
    assert [one.race_id for one in failures][-1] == "r999"


def test_the_one_that_happened_last_is_first_and_the_oldest_goes() -> None:
    failures = RecentFailures(most=3)
    for model in ("a", "b", "c", "a", "d"):
        end(failures, model)
    assert [(one.model, one.count) for one in failures] == [("d", 1), ("a", 2), ("c", 1)]


@pytest.mark.parametrize("outcome", ["won", "lost", "client_cancelled", "denied", "running"])
def test_only_what_failed_or_timed_out_is_one(outcome: Outcome) -> None:
    failures = RecentFailures()
    end(failures, outcome=outcome)
    assert list(failures) == []


def test_a_deadline_of_our_own_has_its_name() -> None:
    failures = RecentFailures()
    attempt = AttemptRecord(0, candidate("p", "m"), 0.0, outcome="timed_out", cut="max_latency")
    failures("ended", RaceRecord("r", Plan("single", ()), 0.0), attempt)
    assert [one.reason for one in failures] == ["max_latency"]
