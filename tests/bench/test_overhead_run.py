"""`bench.overhead` as a whole: small, but with its processes and sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bench import overhead
from bench._overhead.layers import LAYERS
from bench._overhead.runs import questions_for
from tests.bench.children import children


def test_a_small_run_fails_nothing_and_fills_every_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = children()
    path = tmp_path / "report.json"
    arguments = ["--seconds", "0.1", "--connections", "2", "--rounds", "1", "--pace", "0.002"]
    status = overhead.main([*arguments, "--json", str(path)])
    report = json.loads(path.read_text())
    assert [row["failures"] for row in report["rows"]] == [{}, {}, {}]
    assert status == 0
    plain, at_once, paced = report["rows"]
    assert [row["name"] for row in report["rows"]] == ["plain_2", "at_once_2", "paced_2"]
    for row in report["rows"]:
        assert row["requests"] > 0
        assert row["cpu_us_per_request"] > 0
        assert row["serving_alone_us"] > 0
        assert row["sampled_cpu_us_per_request"] > 0
        assert set(row["layers_us"]) == set(LAYERS)
        assert set(row["shares"]) == {"gateway", "client", "upstream"}
    assert plain["pieces_per_request"] == 1
    assert paced["pieces_per_request"] > at_once["pieces_per_request"]
    assert at_once["transport_alone_us"] > 0
    assert plain["transport_alone_us"] is None
    assert sum(row["samples"] for row in report["rows"]) > 0
    assert 0.5 < report["main_thread_share"] < 1.5  # in steps of a tick, of very few
    assert "64 chunks, paced, 2" in capsys.readouterr().out
    assert children() == before


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "long", "3601"])
def test_the_time_is_bounded(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        overhead.main(["--seconds", seconds])
    assert stopped.value.code == 2
    assert "above 0, up to 3600" in capsys.readouterr().err


async def test_questions_are_asked_for_a_time_and_one_at_least(autojump_clock: MockClock) -> None:
    asked = []
    for question in questions_for(1.0):
        asked.append(question)
        await trio.sleep(0.5)
    assert asked == ["overhead 0", "overhead 1"]
    assert next(questions_for(0.0)) == "overhead 0"
