"""`bench.race` as a whole: small, but with its processes and sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from bench import race
from bench._errors import BenchError
from bench._processes import open_simulators
from bench._race.options import Options
from tests.bench.children import children

SMALL = Options(
    requests=12, concurrency=4, rounds=2, profile="first_token=0.02:0.5,gap=0.001,tokens=8"
)


def test_a_small_run_fails_nothing_and_reports_every_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = children()
    arguments = ["--requests", "12", "--concurrency", "4", "--rounds", "2", "--profile"]
    path = tmp_path / "report.json"
    status = race.main([*arguments, SMALL.profile, "--json", str(path)])
    report = json.loads(path.read_text())
    assert [row["failures"] for row in report["rows"]] == [{}, {}, {}, {}]
    assert status == 0
    assert [row["name"] for row in report["rows"]] == ["direct", "single", "race_1", "race_5"]
    assert [row["requests"] for row in report["rows"]] == [12, 12, 12, 12]
    assert report["settings"]["profile"] == SMALL.profile
    # Role, eight words, finish and [DONE].
    assert {row["chunks_per_request"] for row in report["rows"]} == {11}
    for row in report["rows"]:
        excess = row["excess_ms"]
        assert 0 <= excess["p50"] <= excess["p90"] <= excess["p99"] <= excess["max"]
        assert row["shares"]["upstreams"]["cpu_us_per_request"] > 0
    direct, single, *races = report["rows"]
    assert single["ideal_winner_share"] == 1
    assert direct["shares"]["gateway"]["cpu_us_per_request"] < 1000  # it was not there
    assert all(row["shares"]["gateway"]["cpu_us_per_request"] > 0 for row in [single, *races])
    assert "one upstream, without OMEN" in capsys.readouterr().out
    assert children() == before


async def test_a_run_that_is_cancelled_leaves_no_process_behind(tmp_path: Path) -> None:
    before = children()
    with trio.CancelScope() as scope:
        async with open_simulators(1, SMALL.profile, tmp_path) as simulators:
            assert simulators.pid in children()
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert children() == before


async def test_a_process_that_ends_at_once_is_reported_with_what_it_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BenchError, match=r"^omen sim: it ended before it was ready$"):
        async with open_simulators(1, "nonsense=1", tmp_path):
            pass
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("profile", "reason"),
    [("nonsense=1", "nonsense"), ("fast,silence=0.1", "with faults, the best possible")],
)
def test_a_profile_without_a_known_best_is_refused_before_anything_starts(
    profile: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert race.main(["--profile", profile]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "many", "257"])
def test_counts_are_bounded(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        race.main(["--concurrency", count])
    assert stopped.value.code == 2
    assert "1 to 256" in capsys.readouterr().err
