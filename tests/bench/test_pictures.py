"""The pictures of the docs show what the gateway does now, and are fit to be shown anywhere."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench.pictures.__main__ import FOLDER, lane_pictures
from bench.pictures.day import draw_day, play_day
from bench.pictures.scenes import HEDGE, MERGE, RACE, play

NAMES = {"live.svg", "race.svg", "hedge.svg", "merge.svg", "day.svg"}
STALE = "docs/pictures/{} is not what a run draws: make pictures"


def committed(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def test_the_committed_pictures_of_requests_are_what_a_run_draws() -> None:
    for name, drawn in lane_pictures().items():
        assert committed(name) == drawn, STALE.format(name)


@pytest.mark.slow
def test_the_committed_picture_of_a_day_is_what_a_run_draws() -> None:
    assert committed("day.svg") == draw_day(play_day()), STALE.format("day.svg")


def test_a_race_has_a_winner_two_that_lost_and_one_that_failed() -> None:
    outcomes = {lane.name: lane.outcome for lane in play(RACE).lanes}
    assert outcomes == {"ollama": "won", "openai": "lost", "anthropic": "failed", "azure": "lost"}


def test_a_hedge_starts_when_its_delay_has_passed_and_wins() -> None:
    first, hedge = play(HEDGE).lanes
    assert (first.outcome, hedge.outcome, hedge.role) == ("lost", "won", "hedge")
    assert hedge.started == HEDGE.hints["hedge_delay"]


def test_a_judge_starts_when_the_last_draft_is_complete() -> None:
    *drafts, judge = play(MERGE).lanes
    assert judge.role == "judge"
    assert judge.started == pytest.approx(max(draft.last_token for draft in drafts))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_picture_is_well_formed_and_takes_nothing_from_elsewhere(name: str) -> None:
    text = committed(name)
    root = ElementTree.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    known = {"svg", "title", "style", "rect", "line", "polyline", "circle", "text", "tspan"}
    assert tags <= known
    assert re.findall(r"(?:href|url\(|@import|https?:)[^ ]*", text) == [
        'http://www.w3.org/2000/svg"'
    ]
    assert not [a for e in root.iter() for a in e.attrib if a.startswith("on")]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_picture_is_light_or_dark_and_stays_on_its_card(name: str) -> None:
    text = committed(name)
    assert "@media (prefers-color-scheme:dark)" in text
    root = ElementTree.fromstring(text)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for element in root.iter():
        x, y = float(element.get("x", 1)), float(element.get("y", 1))
        assert 0 <= x <= width
        assert 0 <= y <= height
        assert x + float(element.get("width", 0) if element is not root else 0) <= width


def test_only_the_race_at_the_top_moves_and_only_for_those_who_want_it() -> None:
    assert {name for name in NAMES if "@keyframes" in committed(name)} == {"live.svg"}
    before, _, moving = committed("live.svg").partition("@media (prefers-reduced-motion")
    assert "animation" not in before
    assert "animation" in moving


def test_every_picture_is_shown_somewhere() -> None:
    assert {path.name for path in FOLDER.glob("*.svg")} >= NAMES
    root = FOLDER.parents[1]
    pages = [root / "README.md", *root.glob("docs/*.md")]
    shown = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert {name for name in NAMES if f"pictures/{name}" in shown} == NAMES
