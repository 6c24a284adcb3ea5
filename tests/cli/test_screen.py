"""The answer streams under the lanes, at any width, and no model commands the terminal."""

from __future__ import annotations

import io
import re
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.cli import _screen
from omen.cli._screen import LiveScreen, PlainScreen, TextScreen
from omen.cli._shown import shown
from tests.cli.terminal import Terminal
from tests.cli.test_lanes import RACE, drawn, moment

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\x1b[31mred\u202egnp.exe\r\nnext\tline\x7f"
OURS = re.compile(r"\x1b\[(?:\??[\d;]*)[A-Za-z]")
WORDS = " ".join(f"word{number}" for number in range(400))


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(_screen, "FRAME_SECONDS", 0.0)


def test_the_answer_is_under_the_lanes_while_it_grows_and_when_it_is_whole() -> None:
    terminal = Terminal()
    screen = LiveScreen(terminal)
    for each in RACE[:6]:
        screen.show(each)
    screen.add("The sky")
    assert terminal.rows == [*drawn(*RACE[:6]), "", "The sky"]
    screen.add(" is blue.\nAlways.")
    for each in RACE[6:]:
        screen.show(each)
    whole = [*drawn(*RACE), "", "The sky is blue.", "Always."]
    assert terminal.rows == whole
    screen.close()
    assert terminal.rows == whole


def test_a_restart_takes_the_answer_away() -> None:
    terminal = Terminal()
    screen = LiveScreen(terminal)
    screen.show(RACE[0])
    screen.add("void")
    screen.restart()
    assert terminal.rows == drawn(RACE[0])
    screen.add("good")
    screen.close()
    assert terminal.rows[-1] == "good"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 132, 300])
def test_each_lane_is_one_row_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal(width)
    screen = LiveScreen(terminal)
    for each in RACE:
        screen.show(each)
        screen.add("some words of an answer ")
    rows = terminal.rows
    names = ["alpha", "beta", "c/m"]
    assert all(row.startswith(name) for row, name in zip(rows, names, strict=False))
    assert rows[3] == ""
    assert rows[4].startswith("some words of")
    assert max(map(len, rows)) <= width


def test_an_answer_longer_than_the_terminal_shows_its_end_and_then_all_of_it() -> None:
    terminal = Terminal()
    screen = LiveScreen(terminal)
    screen.show(RACE[0])
    for word in WORDS.split(" "):
        screen.add(word + "\n")
    rows = terminal.rows
    assert len(rows) < 24
    assert rows[0] == drawn(RACE[0])[0]
    assert rows[-1] == "word399"
    screen.close()
    assert terminal.rows == [*drawn(RACE[0]), "", *WORDS.split(" ")]


def test_a_long_line_is_left_to_the_terminal_so_that_it_can_be_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal(40)
    screen = LiveScreen(terminal)
    screen.add(WORDS)
    screen.close()
    assert WORDS in terminal.getvalue()


def test_words_in_brackets_and_between_colons_are_no_markup() -> None:
    terminal = Terminal()
    screen = LiveScreen(terminal)
    screen.add("[bold]x[/bold] :smile: https://a.b/c")
    screen.close()
    assert terminal.rows[-1] == "[bold]x[/bold] :smile: https://a.b/c"


@pytest.mark.parametrize("make", [LiveScreen, PlainScreen, TextScreen])
@pytest.mark.parametrize("cut", range(len(EVIL)))
def test_no_control_of_a_model_reaches_any_screen(make: type[LiveScreen], cut: int) -> None:
    terminal = Terminal()
    screen = make(terminal)
    screen.show(moment("started", 0))
    screen.add(EVIL[:cut])
    screen.add(EVIL[cut:])
    screen.show(moment("ended", 5, outcome="failed", reason=EVIL))
    screen.close()
    # What is left is rich's own: colours and the cursor, and nothing that a model has made.
    written = OURS.sub("", terminal.getvalue()).replace("\r", "")
    assert all(c.isprintable() or c == "\n" for c in written.replace("\t", " "))
    assert "31m" in written
    assert "\x1b[2J" not in terminal.getvalue()


@given(st.text(), st.integers(0, 50))
def test_what_is_shown_has_no_control_wherever_it_is_cut(text: str, cut: int) -> None:
    whole = shown(text)
    assert shown(text[:cut]) + shown(text[cut:]) == whole
    assert shown(whole) == whole
    assert {category(c) for c in whole if c not in "\n\t\u00ad\u200c\u200d"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


def test_emoji_and_scripts_stay_as_they_are() -> None:
    text = "👩‍🚀 नमस्ते می‌خواهم 日本\u00a0語"
    assert shown(text) == text


def test_a_pipe_gets_the_answer_as_it_comes() -> None:
    out = io.StringIO()
    screen = TextScreen(out)
    screen.show(RACE[0])
    screen.add("a")
    assert out.getvalue() == "a"
    screen.restart()
    screen.add("b\n")
    screen.close()
    assert out.getvalue() == "a\n[the stream broke; another answer begins]\nb\n"
