"""What is left of a rate limit, in the words of every vendor."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omen.core.frames import RateLimits
from omen.providers import read_rate_limits
from omen.providers.shared.rate_limits import _REQUESTS, _TOKENS
from tests.providers.fixtures import Fixture, fixtures
from tests.providers.patience import patient

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
SAID = {
    "openai/error_429_rate": RateLimits(4999, 200, 0.012, 63.21),
    "anthropic/error_429": RateLimits(998, 0, 0.0, 13.0),
    "azure/error_429": RateLimits(reset_requests_seconds=7.0),
    "azure/text": RateLimits(99, 99740),
}
ANSWERS = [*fixtures("stream"), *fixtures("http_error")]


@pytest.mark.parametrize("fixture", ANSWERS, ids=lambda fixture: fixture.id)
def test_recorded_answers_say_what_they_say(fixture: Fixture) -> None:
    headers = {"date": DATE, **fixture.entry["headers"]}
    assert read_rate_limits(headers) == SAID.get(fixture.id)


def test_every_expectation_has_its_answer() -> None:
    assert SAID.keys() <= {fixture.id for fixture in ANSWERS}


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("12ms", 0.012),
        ("1m3.21s", 63.21),
        ("6m0s", 360.0),
        ("1h0m5s", 3605.0),
        ("50us", 5e-5),
        ("50\u00b5s", 5e-5),
        ("9ns", 9e-9),
        ("2026-11-22T10:00:13Z", 13.0),
        ("2026-11-22T12:00:13.5+02:00", 13.5),
        ("2026-11-22T10:00:13", 13.0),
        ("2026-11-22T09:59:00Z", 0.0),
        ("1m3", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("9" * 400, None),
        ("\u0661s", None),
    ],
)
def test_a_reset_is_a_duration_or_a_time(reset: str, seconds: float | None) -> None:
    headers = {"x-ratelimit-remaining-tokens": "1", "x-ratelimit-reset-tokens": reset, "date": DATE}
    limits = read_rate_limits(headers)
    assert limits is not None
    assert limits.reset_tokens_seconds == (None if seconds is None else pytest.approx(seconds))


def test_of_several_limits_the_one_with_the_least_left_counts() -> None:
    headers = {
        "x-ratelimit-remaining-tokens": "900",
        "x-ratelimit-reset-tokens": "1s",
        "x-ratelimit-remaining-project-tokens": "30",
        "x-ratelimit-reset-project-tokens": "2s",
    }
    assert read_rate_limits(headers) == RateLimits(None, 30, None, 2.0)


def test_of_two_with_nothing_left_the_one_that_stays_so_for_longer_counts() -> None:
    headers = {
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-22T10:00:05Z",
        "anthropic-ratelimit-output-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-22T10:00:50Z",
        "date": DATE,
    }
    assert read_rate_limits(headers) == RateLimits(None, 0, None, 50.0)


def test_one_that_does_not_say_what_is_left_gives_way_to_one_that_does() -> None:
    headers = {
        "x-ratelimit-remaining-tokens": "many",
        "x-ratelimit-reset-tokens": "9s",
        "x-ratelimit-remaining-project-tokens": "30",
    }
    assert read_rate_limits(headers) == RateLimits(None, 30, None, None)


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-remaining-requests": "-1"}, {"date": DATE}])
def test_what_says_nothing_is_nothing(headers: dict[str, str]) -> None:
    assert read_rate_limits(headers) is None


NAMES = st.sampled_from([name for names in (*_REQUESTS, *_TOKENS) for name in names] + ["date"])
VALUES = st.text(max_size=40) | st.from_regex(r"[0-9]{1,20}([.][0-9]{1,12})?(ns|us|ms|s|m|h)?")
TIMES = st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](Z|[+-][0-9]{2}:00)")


@patient
@example(headers={"anthropic-ratelimit-requests-remaining": "0\x1f"})
@given(headers=st.dictionaries(NAMES, VALUES | TIMES))
def test_no_header_breaks_it_and_none_gives_a_negative_number(headers: dict[str, str]) -> None:
    limits = read_rate_limits(headers) or RateLimits()
    for value in (
        limits.remaining_requests,
        limits.remaining_tokens,
        limits.reset_requests_seconds,
        limits.reset_tokens_seconds,
    ):
        assert value is None or 0 <= value < float("inf")
