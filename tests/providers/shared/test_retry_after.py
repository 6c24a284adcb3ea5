"""When an upstream wants to be asked again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.providers.shared.retry_after import retry_after
from tests.providers.patience import patient

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({}, None, None),
        ({}, "Overloaded", None),
        ({"retry-after": "13"}, None, 13.0),
        ({"retry-after": " 1.5 "}, None, 1.5),
        ({"retry-after": "0\x1f"}, None, 0.0),
        ({"retry-after": "0"}, None, 0.0),
        ({"retry-after-ms": "210", "retry-after": "1"}, None, 0.21),
        ({"retry-after-ms": "soon", "retry-after": "1"}, None, 1.0),
        ({"retry-after": "7"}, "Please try again in 210ms.", 7.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": DATE}, None, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 09:59:00 GMT", "date": DATE}, None, 0.0),
        ({"retry-after": "Sun, 22 Nov 2015 09:59:00 GMT"}, None, 0.0),
        ({"retry-after": "tomorrow"}, None, None),
        ({"retry-after": "1 Nov 99999999999999999999 10:00:00 GMT"}, None, None),
        ({"retry-after": "-5"}, None, None),
        ({"retry-after": "inf"}, None, None),
        ({"retry-after": "9" * 400}, None, None),
        ({}, "Limit 200000. Please try again in 210ms.", 0.21),
        ({}, "Please try again in 1m3.21s. Visit the page", 63.21),
        ({}, "try again in 6m0s", 360.0),
        ({}, "Please retry after 7 seconds.", 7.0),
        ({}, "Please retry after 2 fortnights.", None),
        ({}, "try again in a moment", None),
    ],
)
def test_it_is_read_from_headers_first_and_then_from_the_sentence(
    headers: dict[str, str], text: str | None, seconds: float | None
) -> None:
    assert retry_after(headers, text) == pytest.approx(seconds)


# Bytes that might be a date get further than others.
values = st.text(max_size=60) | st.from_regex(
    r"(Mon, )?[0-9-]{1,8}[ -](Jan|Nov|x)[ -][0-9]{1,12} [0-9:]{1,12} ([+-][0-9]{1,12}|GMT|Z)"
)


@patient
@given(value=values, date=st.none() | values)
def test_no_header_breaks_it_and_none_gives_a_negative_wait(value: str, date: str | None) -> None:
    headers = {"retry-after": value} | ({"date": date} if date is not None else {})
    wait = retry_after(headers, value)
    assert wait is None or 0 <= wait < float("inf")
