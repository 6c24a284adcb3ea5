"""bench.compare: what it reports as a change, and that its upstream, client and skeleton agree."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from bench._compare.cases import CASES, TOKENS, find_cases
from bench._compare.report import Report, figure, verdict
from bench._compare.rounds import Bench, Block, Series
from bench._compare.tools import Heard, build_tools
from bench._compare.trees import HERE, Tree

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None and shutil.which("gcc") is None, reason="needs a C compiler"
)


def test_a_change_within_the_spread_is_none() -> None:
    assert verdict(figure([100, 110, 120]), figure([108, 118, 128])) == "same"
    assert verdict(figure([100, 110, 120]), figure([50, 55, 60])) == "-50.0%"
    assert verdict(figure([100, 101, 102]), figure([110, 111, 112])) == "+9.9%"


def test_the_larger_spread_of_the_two_decides() -> None:
    assert verdict(figure([100, 100, 100]), figure([60, 90, 120])) == "same"


def _series(name: str, us: float, wrong: int = 0) -> Series:
    series = Series(Tree(name, HERE), start_seconds=[1.0], idle_mb=[80.0])
    for case in CASES:
        heard = Heard(10, wrong, 10, 1.0, 300, 400, 500, 600)
        series.blocks[case.name] = [Block(us * 10, heard)] * 3
    return series


def test_the_report_divides_by_requests_and_paced_ones_by_chunks() -> None:
    series = (_series("before", 640.0), _series("after", 320.0), _series("skeleton", 160.0))
    report = Report({}, {"load_average": [0.0]}, CASES, series)
    rows = {row.name: row for row in report.rows}
    assert rows["plain-64"].before.median == 640
    assert rows["plain-64"].after.median == 320
    assert rows["paced-40"].after.median == 320 / TOKENS
    assert rows["start_seconds"].after.median == 100
    assert "2.00x" in report.to_text()
    assert report.complaint == ""


def test_a_wrong_answer_makes_the_numbers_invalid() -> None:
    series = (_series("before", 640.0), _series("after", 320.0, wrong=1), _series("sk", 160.0))
    report = Report({}, {"load_average": [0.0]}, CASES, series)
    assert report.complaint == f"{3 * len(CASES)} answers were wrong"


@needs_compiler
async def test_the_client_hears_whole_answers_of_the_upstream_through_the_skeleton(
    tmp_path: Path,
) -> None:
    tools = await build_tools(tmp_path)
    cases = [replace(case, requests=8, connections=4) for case in find_cases("plain-16,stream-16")]
    cases += [replace(case, requests=4, connections=4) for case in find_cases("paced-40")]
    series = Series(Tree("skeleton", None))
    with trio.fail_after(60):
        async with tools.open_upstream(0.001) as upstream:
            await Bench(tools, upstream, cases, tmp_path).play(series, 0)
    heard = {name: blocks[0].heard for name, blocks in series.blocks.items()}
    assert {name: one.requests for name, one in heard.items()} == {
        "plain-16": 8,
        "stream-16": 8,
        "paced-40": 4,
    }
    assert series.wrong == 0
    assert heard["plain-16"].way_p50 == 0 < heard["paced-40"].way_p50
