"""A race on a screen: moments in, lines out."""

from __future__ import annotations

import io
from typing import Any

import pytest

from omen.cli import _screen
from omen.cli._lanes import WIDTH, Lanes
from omen.cli._screen import LiveScreen, PlainScreen, screen_for
from tests.cli.terminal import Terminal


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are cut at the terminal's width, which is not that of whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(_screen, "FRAME_SECONDS", 0.0)


def moment(what: str, t_ms: float, attempt: int = 0, **facts: Any) -> dict[str, Any]:
    names = [("alpha", "m-1"), ("beta", "model-2"), ("c", "m")]
    provider, model = names[attempt]
    return {
        "race_id": "race1",
        "request_id": "r1",
        "moment": what,
        "attempt": attempt,
        "provider": provider,
        "model": model,
        "t_ms": t_ms,
        "tokens": 0,
        "outcome": "running",
        "reason": None,
        **facts,
    }


RACE = [
    moment("started", 0),
    moment("started", 0.04, 1),
    moment("started", 0.1, 2),
    moment("progressed", 200, tokens=3),
    moment("ended", 250, 2, outcome="failed", reason="too busy"),
    moment("committed", 412.34, tokens=7),
    moment("ended", 412.5, 1, outcome="lost", tokens=2),
    moment("progressed", 800, tokens=30),
    moment("ended", 1203.6, outcome="won", tokens=60),
]
LINES = [
    "      0.0 ms  alpha/m-1  started",
    "      0.0 ms  beta/model-2  started",
    "      0.1 ms  c/m  started",
    "    250.0 ms  c/m  failed, 0 tokens: too busy",
    "    412.3 ms  alpha/m-1  committed with 7 tokens",
    "    412.5 ms  beta/model-2  cancelled, 2 tokens",
    "   1203.6 ms  alpha/m-1  complete, 60 tokens",
]


def track(marks: int) -> str:
    return "━" * marks + "·" * (WIDTH - marks)


def drawn(*moments: dict[str, Any]) -> list[str]:
    lanes = Lanes()
    for each in moments:
        lanes.take(each)
    return lanes.draw()


def test_what_decides_something_is_a_line_and_progress_is_none() -> None:
    lanes = Lanes()
    lines = [lanes.take(each) for each in RACE]
    assert [line for line in lines if line is not None] == LINES
    assert lines.count(None) == 2


def test_before_the_first_moment_there_is_nothing_to_draw() -> None:
    assert drawn() == []


def test_lanes_are_drawn_in_starting_order_whatever_order_their_moments_come_in() -> None:
    names = [line.split()[0] for line in drawn(*reversed(RACE[:3]))]
    assert names == ["alpha/m-1", "beta/model-2", "c/m"]


def test_a_finished_race_is_drawn_with_who_led_and_who_was_cancelled_when() -> None:
    assert drawn(*RACE) == [
        f"alpha/m-1     {track(WIDTH)}   60 tok  ✔ committed 412 ms, complete 1204 ms",
        f"beta/model-2  {track(1)}    2 tok  ✂ cancelled 412 ms",
        f"c/m           {track(0)}    0 tok  ✗ failed 250 ms: too busy",
    ]


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        ([moment("started", 0)], "… 0 ms"),
        ([moment("started", 0), moment("progressed", 31.6)], "… 32 ms"),
        ([moment("started", 0), moment("committed", 40.2)], "✔ committed 40 ms"),
        (
            [moment("started", 0), moment("committed", 40), moment("progressed", 90)],
            "✔ committed 40 ms",
        ),
        ([moment("started", 0), moment("ended", 9, outcome="timed_out")], "✗ timed_out 9 ms"),
        (
            [moment("started", 0), moment("ended", 9, outcome="client_cancelled")],
            "✗ client_cancelled 9 ms",
        ),
        (
            [
                moment("started", 0),
                moment("committed", 4),
                moment("ended", 9, outcome="failed", reason="it broke"),
            ],
            "✗ failed 9 ms: it broke",
        ),
    ],
)
def test_a_lane_says_how_it_stands(moments: list[dict[str, Any]], state: str) -> None:
    (line,) = drawn(*moments)
    assert line.partition(" tok  ")[2] == state


def test_a_lane_whose_commit_was_missed_says_that_it_is_complete() -> None:
    """The live feed drops moments for a slow listener."""
    (line,) = drawn(moment("started", 0), moment("ended", 90, outcome="won"))
    assert line.partition(" tok  ")[2].strip(" ,✔") == "complete 90 ms"
    assert not line.partition(" tok  ")[2].startswith(",")


def test_a_lane_whose_start_was_missed_begins_with_what_is_known() -> None:
    (line,) = drawn(moment("progressed", 50, tokens=4))
    assert line == f"alpha/m-1  {track(2)}    4 tok  … 50 ms"


@pytest.mark.parametrize(
    ("tokens", "marks"), [(0, 0), (1, 1), (2, 1), (3, 2), (47, 24), (48, 24), (9999, 24)]
)
def test_a_mark_is_two_tokens_until_the_lane_is_full(tokens: int, marks: int) -> None:
    (line,) = drawn(moment("progressed", 1, tokens=tokens))
    assert line.split()[1] == track(marks)
    assert len(line.split(" tok")[0]) == len("alpha/m-1  ") + WIDTH + 5


@pytest.mark.parametrize("text", ["\x1b[2J gone", "two\nlines", "a\rb"])
def test_what_an_upstream_says_cannot_move_the_cursor(text: str) -> None:
    lanes = Lanes()
    line = lanes.take(moment("ended", 5, outcome="failed", reason=text))
    for shown in [line or "", *lanes.draw()]:
        assert shown.isprintable()


def test_in_a_terminal_lanes_are_redrawn_in_place() -> None:
    terminal = Terminal()
    screen = LiveScreen(terminal)
    for count, each in enumerate(RACE, start=1):
        screen.show(each)
        assert terminal.rows == drawn(*RACE[:count])
    screen.close()
    assert terminal.rows == drawn(*RACE)


def test_a_line_longer_than_the_terminal_does_not_spoil_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal(80)
    screen = LiveScreen(terminal)
    screen.show(moment("started", 0))
    screen.show(moment("ended", 5, outcome="failed", reason="a long story " * 20))
    screen.show(moment("started", 6, 1))
    assert [row.split()[0] for row in terminal.rows] == ["alpha/m-1", "beta/model-2"]


def test_anywhere_else_what_decides_something_is_written_once() -> None:
    out = io.StringIO()
    screen = PlainScreen(out)
    for each in RACE:
        screen.show(each)
    screen.add("and that ")
    screen.add("was it")
    screen.close()
    assert out.getvalue().splitlines() == [*LINES, "", "and that was it"]


def test_the_screen_is_chosen_by_what_it_writes_to() -> None:
    assert isinstance(screen_for(Terminal()), LiveScreen)
    assert isinstance(screen_for(io.StringIO()), PlainScreen)


def test_a_hedge_that_was_denied_has_a_line_that_says_why() -> None:
    lanes = Lanes()
    line = lanes.take(moment("denied", 500, 1, outcome="denied", reason="no budget"))
    assert line == "    500.0 ms  beta/model-2  denied, 0 tokens: no budget"
    assert lanes.draw()[0].endswith("✗ denied 500 ms: no budget")
