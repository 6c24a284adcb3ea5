"""Durations in headers, as OpenAI writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.front.http.race_report import _duration


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.32, "320ms"),
        (12.5, "12.5s"),
        (59.9996, "1m0s"),
        (119.7, "2m0s"),
        (179.4, "2m59s"),
        (3599.8, "60m0s"),
    ],
)
def test_a_duration_is_written_as_openai_does(seconds: float, written: str) -> None:
    assert _duration(seconds) == written


@given(st.floats(0, 1e6))
def test_there_are_never_sixty_seconds(seconds: float) -> None:
    rest = re.search(r"(?:^|m)([0-9.]+)s$", _duration(seconds))
    assert rest is None or float(rest[1]) < 60
