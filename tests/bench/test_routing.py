"""`bench.routing`, a tenth as long."""

from __future__ import annotations

from pathlib import Path

from bench._routing.play import Look, Played, play
from bench._routing.report import Report


def test_the_router_leaves_who_is_dead_or_dear_and_comes_back(tmp_path: Path) -> None:
    report = Report(play(("dead", "dear"), scale=0.15))
    assert report.missed == []
    for one in report.played:
        assert one.lowest < one.before
    report.draw(tmp_path / "it.svg")
    assert "<svg" in (tmp_path / "it.svg").read_text()


def test_a_router_that_does_not_follow_is_a_complaint() -> None:
    looks = [Look(at, {"first": 90.0}, 1.0) for at in (1.0, 6.0, 11.0)]
    assert "was asked as before" in Report([Played("slow", 2.0, 8.0, looks)]).complaint
    away = [Look(at, {"first": 90.0}, 0.0) for at in (1.0, 6.0, 11.0)]
    assert "was not asked again" in Report([Played("slow", 2.0, 8.0, away)]).complaint
