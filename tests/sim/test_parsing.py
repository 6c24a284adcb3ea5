"""Profiles as people write them, in a line or a file."""

from __future__ import annotations

from typing import Any

import pytest

from omen.sim import (
    PRESETS,
    Between,
    DeadConnection,
    Fixed,
    LogNormal,
    MidstreamError,
    PingsOnly,
    Profile,
    ProfileError,
    Silence,
    StallTail,
    Status,
    profile_from_line,
    profile_from_mapping,
)

REALISTIC = PRESETS["realistic"]


@pytest.mark.parametrize("name", ["fast", "realistic", "stalls", "faulty"])
def test_a_presets_name_is_a_profile(name: str) -> None:
    assert profile_from_line(name) == PRESETS[name]


def test_the_stalls_preset_is_the_documented_mixture() -> None:
    assert PRESETS["stalls"].first_token == StallTail(LogNormal(1.34, 0.67), 0.01, 15, 175, 819)


def test_settings_change_a_preset() -> None:
    assert profile_from_line("fast, tokens=200, correlation=0.5") == Profile(
        first_token=Fixed(0.02), gap=Fixed(0.002), tokens=200, correlation=0.5
    )


def test_without_a_preset_settings_change_the_realistic_one() -> None:
    profile = profile_from_line("first_token=0.5")
    assert profile.first_token == Fixed(0.5)
    assert profile.gap == REALISTIC.gap


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0.5", Fixed(0.5)),
        ("1.34:0.67", LogNormal(1.34, 0.67)),
        ("1.34:0.67:0.01:15:175:819", StallTail(LogNormal(1.34, 0.67), 0.01, 15, 175, 819)),
        (0.5, Fixed(0.5)),
        ({"seconds": 2}, Fixed(2)),
        ({"median": 1, "sigma": 0.5}, LogNormal(1, 0.5)),
        (
            {"median": 1, "sigma": 0.5, "probability": 0.1, "offset": 2, "mean": 3, "cap": 4},
            StallTail(LogNormal(1, 0.5), 0.1, 2, 3, 4),
        ),
    ],
)
def test_a_delay_is_one_two_or_six_numbers(written: Any, meant: object) -> None:
    assert profile_from_mapping({"first_token": written}).first_token == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [("40", 40), (40, 40), ("40-120", Between(40, 120)), ({"low": 2, "high": 3}, Between(2, 3))],
)
def test_a_length_is_a_number_or_two_ends(written: Any, meant: object) -> None:
    assert profile_from_mapping({"tokens": written}).tokens == meant


def test_faults_in_a_line_take_their_own_first_parameter_after_a_colon() -> None:
    line = "fast,status:429=0.05,status=0.02,midstream_error:10=0.1,pings_only:0.5=0.1,silence=0.1"
    assert profile_from_line(line).faults == (
        Status(0.05, status=429),
        Status(0.02, status=500),
        MidstreamError(0.1, after_tokens=10),
        PingsOnly(0.1, interval=0.5),
        Silence(0.1),
    )


def test_faults_in_a_mapping_are_a_probability_their_fields_or_a_list() -> None:
    faults = {
        "silence": 0.1,
        "dead_connection": {"probability": 0.1, "before_head": True, "reset": False},
        "status": [{"probability": 0.1, "status": 429, "cause": "quota"}, 0.2],
    }
    assert profile_from_mapping({"preset": "fast", "faults": faults}).faults == (
        Silence(0.1),
        DeadConnection(0.1, before_head=True, reset=False),
        Status(0.1, status=429, cause="quota"),
        Status(0.2),
    )


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("brisk", r"preset: found 'brisk', allowed are fast, realistic"),
        ("fast,speed=2", r"speed: no such setting, allowed are .*first_token.*silence"),
        ("fast,tokens", r"'tokens' is not of the form name=value"),
        ("tokens=many", r"tokens: .*many"),
        ("tokens=0", r"at least 1 token"),
        ("first_token=1:2:3", r"first_token: a delay is 1, 2 or 6 numbers"),
        ("gap=1:1:0.1:1:1:1", r"gap: a gap has no stall tail"),
        ("correlation=2", r"correlation lies in 0..1, found 2"),
        ("status:200=0.1", r"faults: an error status lies in 400..599, found 200"),
        ("silence:3=0.1", r"silence has no parameter"),
        ("silence=0.6,empty=0.6", r"add up to at most 1"),
        ("", r"preset: found ''"),
    ],
)
def test_a_mistake_is_named_with_what_was_found_and_what_is_allowed(line: str, named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        profile_from_line(line)


@pytest.mark.parametrize(
    "faults",
    [
        {"slowness": 0.1},
        {"silence": {"probability": 0.1, "colour": "red"}},
        {"status": {"status": 500}},
        {"dead_connection": {"probability": 0.1, "reset": "perhaps"}},
        {"silence": None},
        [0.1],
    ],
)
def test_mistakes_in_faults_are_named_too(faults: Any) -> None:
    with pytest.raises(ProfileError, match=r"^faults: "):
        profile_from_mapping({"faults": faults})
