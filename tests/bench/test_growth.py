"""The comparison of gateways that have little and much to remember."""

from __future__ import annotations

from bench import growth
from bench._growth.rounds import AIM, Cost, Row
from bench._growth.sizes import Scene, Size, scenes


async def test_gateways_of_every_size_answer_and_what_they_cost_is_reported() -> None:
    settings = growth.Settings(rounds=1, requests=8, connections=2, shrink=2_000)
    report = await growth.measure(settings, ["ledger", "sessions"])
    assert report.complaint == ""
    assert [row.title for row in report.rows] == ["ledger rows", "remembered sessions"]
    assert all(row.small.cpu_us[0] > 0 and row.large.resident_mib > 0 for row in report.rows)
    text = report.to_text()
    assert "| ledger rows | 0 | 500 |" in text
    assert "| remembered sessions | 0 | 50 |" in text


def test_the_aim_is_a_tenth_more_and_for_a_conversation_a_tenth_more_a_byte() -> None:
    keys = Row(Scene("keys", Size(), Size(keys=100)), Cost([100.0] * 3), Cost([109.0, 300, 50]))
    assert (keys.allowed, keys.met) == (AIM, True)
    assert Row(keys.scene, Cost([100.0]), Cost([111.0])).met is False
    talk = Scene("messages", Size(messages=9), Size(messages=18), per_byte=True)
    small, large = Cost([100.0], body_bytes=1_000), Cost([210.0], body_bytes=2_000)
    assert Row(talk, small, large).met is True
    large.cpu_us = [221.0]
    assert Row(talk, small, large).met is False


def test_the_sizes_are_those_of_a_gateway_that_is_used_much() -> None:
    most = [getattr(scene.large, growth._grown(scene)) for scene in scenes()]
    assert most == [1_000, 1_000, 10_000, 1_000_000, 100_000, 200]


def test_a_failed_request_makes_the_figures_worthless() -> None:
    row = Row(scenes()[0], Cost([1.0]), Cost([1.0]))
    row.failures["status 404"] = 3
    report = growth.Report({}, {}, [row])
    assert report.complaint == "3 requests failed"
    assert "FAILED models, one named: 3 x status 404" in report.to_text()
