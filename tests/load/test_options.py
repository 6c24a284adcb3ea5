"""What the options of `omen bench` mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.load.options import (
    Objective,
    Target,
    parse_arm,
    parse_duration,
    parse_objective,
    parse_target,
)

HERE = Target("127.0.0.1", 8080, False, "/v1/chat/completions")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080", HERE),
        ("http://127.0.0.1:8080/v1/", HERE),
        ("http://127.0.0.1:8080/v1/chat/completions", HERE),
        ("https://a.example/x", Target("a.example", 443, True, "/x/v1/chat/completions")),
    ],
)
def test_a_base_url_is_completed_with_the_path_of_chat(url: str, target: Target) -> None:
    assert parse_target(url) == target


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "http://", "http://k:s@a", "http://a:x", "http://a/ä"]
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parse_target(url)


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("single", {"strategy": "single"}),
        ("race:k=3", {"strategy": "race", "k": 3}),
        ("hedge:300ms", {"strategy": "speculate_k", "hedge_delay_ms": 300}),
        ("url=https://a.example", {}),
    ],
)
def test_an_arm_becomes_the_hints_of_its_requests(text: str, hints: dict[str, object]) -> None:
    assert parse_arm(text, HERE).hints == hints


def test_a_share_of_hedges_is_refused_because_no_request_can_set_it() -> None:
    with pytest.raises(ValueError, match="gateway's configuration"):
        parse_arm("hedge:5%", HERE)


def test_an_objective_names_metric_limit_and_share() -> None:
    goal = parse_objective("ttft=1s,p99")
    assert goal == Objective("ttft=1s,p99", "ttft", 1.0, 0.99)


@given(st.integers(1, 86_400_000))
def test_every_duration_is_read_back(ms: int) -> None:
    assert parse_duration(f"{ms}ms") == pytest.approx(ms / 1000)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_target, parse_objective, lambda t: parse_arm(t, HERE)):
        try:
            parse(text)
        except ValueError as error:
            seen = str(error)
            assert seen
