"""One endpoint's standing: what opens the breaker, for how long, and what closes it."""

from __future__ import annotations

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.routing.observe.breaker import (
    CLIENT_FAULTS,
    HINTS,
    LASTING_FAULTS,
    UPSTREAM_FAULTS,
    Breaker,
)


def failure(kind: FailureKind, retry_after: float | None = None) -> UpstreamFailure:
    return UpstreamFailure(kind, "no", retry_after=retry_after)


BROKEN = failure(FailureKind.SERVER_ERROR)


def test_nothing_is_known_before_anything_has_happened() -> None:
    assert Breaker().state(0) == "unknown"


def test_a_state_lasts_since_the_probe_or_attempt_that_began_it() -> None:
    """An endpoint that only probes have reached is healthy since the first successful probe."""
    breaker = Breaker(since=10)
    breaker.probed(None, 40)
    assert (breaker.state(40), breaker.since) == ("healthy", 40)
    breaker.probed(None, 70)
    breaker.succeed(80)
    assert breaker.since == 40
    breaker.probed(failure(FailureKind.CONNECTION), 100)
    assert (breaker.state(100), breaker.since) == ("down", 100)
    breaker.probed(None, 130)
    breaker.probed(None, 160)
    assert (breaker.state(160), breaker.since) == ("healthy", 130)


def test_three_failures_in_a_row_open_it_and_a_success_in_between_does_not_count() -> None:
    breaker = Breaker()
    breaker.fail(BROKEN, 1)
    breaker.fail(BROKEN, 2)
    breaker.succeed(3)
    breaker.fail(BROKEN, 4)
    breaker.fail(BROKEN, 5)
    assert breaker.state(5) == "healthy"
    breaker.fail(BROKEN, 6)
    assert breaker.state(6) == "down"
    assert breaker.since == 6


@pytest.mark.parametrize("kind", sorted(LASTING_FAULTS, key=lambda kind: kind.value))
def test_what_the_next_request_would_meet_again_opens_it_when_seen_twice(kind: FailureKind) -> None:
    breaker = Breaker()
    breaker.fail(failure(kind), 1)
    assert breaker.state(1) == "unknown"
    breaker.fail(failure(kind), 2)
    assert breaker.state(2) == "down"
    assert HINTS[kind]


@pytest.mark.parametrize("kind", sorted(CLIENT_FAULTS, key=lambda kind: kind.value))
def test_what_the_client_did_wrong_does_not_hide_that_good_requests_fail(
    kind: FailureKind,
) -> None:
    breaker = Breaker()
    for now in range(0, 30, 2):
        breaker.fail(BROKEN, now)
        breaker.fail(failure(kind), now + 1)
    assert breaker.state(29) == "down"


def test_a_list_of_models_between_failed_answers_does_not_hide_them() -> None:
    breaker = Breaker()
    for now in range(0, 6, 2):
        breaker.fail(BROKEN, now)
        breaker.probed(None, now + 1)
    assert breaker.state(4.5) == "down"


def test_it_is_down_for_twice_as_long_each_time_and_at_most_five_minutes() -> None:
    breaker, now, pauses = Breaker(), 0.0, []
    breaker.condemn(failure(FailureKind.QUOTA), now)
    for _ in range(9):
        began = now
        while breaker.state(now) == "down":
            now += 0.5
        pauses.append(now - began)
        assert breaker.state(now) == "recovering"
        breaker.fail(BROKEN, now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    breaker.probed(None, now)
    assert breaker.state(now) == "recovering"  # it lists its models; does it answer?
    breaker.succeed(now)
    assert breaker.state(now) == "healthy"
    breaker.condemn(failure(FailureKind.QUOTA), now)
    assert breaker.state(now + 5) == "recovering"


def test_attempts_that_were_under_way_when_it_opened_do_not_make_the_pause_longer() -> None:
    breaker = Breaker()
    for now in range(7):
        breaker.fail(BROKEN, now)
    assert breaker.state(2 + 4.9) == "down"
    assert breaker.state(2 + 5) == "recovering"


def test_a_probe_that_fails_opens_it_and_one_that_succeeds_closes_what_a_probe_opened() -> None:
    breaker = Breaker()
    breaker.probed(failure(FailureKind.CONNECTION), 1)
    assert breaker.state(1) == "down"
    breaker.probed(None, 2)
    assert breaker.state(2) == "healthy"


def test_what_attempts_and_then_a_probe_have_seen_a_probe_closes() -> None:
    breaker = Breaker()
    breaker.condemn(failure(FailureKind.QUOTA), 1)
    breaker.probed(None, 2)
    assert breaker.state(2) == "recovering"
    breaker.probed(failure(FailureKind.CONNECTION), 3)
    breaker.probed(None, 4)
    assert breaker.state(4) == "healthy"


def test_a_rate_limit_asks_for_a_pause_and_says_nothing_against_it() -> None:
    breaker = Breaker()
    breaker.succeed(1)
    for _ in range(5):
        breaker.fail(failure(FailureKind.RATE_LIMIT, retry_after=7), 2)
    assert breaker.state(2) == "healthy"
    assert breaker.cooling_until == 9
    breaker.fail(failure(FailureKind.RATE_LIMIT), 10)
    assert breaker.cooling_until == 12


def test_a_bare_rate_limit_does_not_shorten_the_pause_that_another_one_asked_for() -> None:
    breaker = Breaker()
    breaker.fail(failure(FailureKind.RATE_LIMIT, retry_after=130), 0)
    breaker.fail(failure(FailureKind.RATE_LIMIT), 100)
    assert breaker.cooling_until == 130


def test_every_kind_of_failure_is_thought_of() -> None:
    neither = {
        FailureKind.UNSUPPORTED,  # found before anything is sent
        FailureKind.NOT_FOUND,
        FailureKind.RATE_LIMIT,
        FailureKind.EMPTY,  # a proper answer
        FailureKind.REJECTED,  # likewise, in which one caller's checks found something
        FailureKind.INTERNAL,  # it was not asked
    }
    assert set(FailureKind) == UPSTREAM_FAULTS | LASTING_FAULTS | CLIENT_FAULTS | neither
    assert set(HINTS) >= UPSTREAM_FAULTS | LASTING_FAULTS
