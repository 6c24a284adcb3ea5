"""`bench.cancel` as a whole: small, but with its processes and sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import cancel
from tests.bench.children import children

PROFILE = "first_token=0.05:0.25,gap=0.005,tokens=100"


def test_a_small_run_finds_every_stream_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = children()
    arguments = ["--requests", "4", "--concurrency", "4", "--rounds", "1", "--profile", PROFILE]
    path = tmp_path / "report.json"
    status = cancel.main([*arguments, "--json", str(path)])
    report = json.loads(path.read_text())
    rows = {row["name"]: row for row in report["rows"]}
    assert [row["failures"] for row in rows.values()] == [{}] * 6
    assert status == 0
    assert set(report["still_open"].values()) == {0}
    assert len(report["still_open"]) == 3
    expected = {"direct": 1, "lost": 2, "before_single": 1, "before_race": 3}
    expected |= {"after_single": 1, "after_race": 3}
    for name, row in rows.items():
        assert row["requests"] == 4
        # Every stream that had to be closed was, or it is said why it could not be timed.
        assert row["closed"] + sum(row["aside"].values()) == 4 * expected[name]
        delay = row["delay_ms"]
        assert 0 <= delay["p50"] <= delay["p90"] <= delay["p99"] <= delay["max"]
    assert rows["after_race"]["aside"]["closed at the commit already"] == 8
    account = report["own_account"]
    assert bool(account["figures"]) != bool(account["missing"])
    assert "losers of a race of 3, 4 at once" in capsys.readouterr().out
    assert children() == before


@pytest.mark.parametrize("counts", ["", "0", "1,", "1,257", "1;2"])
def test_concurrencies_are_numbers_with_commas_between(
    counts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cancel.main(["--concurrency", counts])
    assert stopped.value.code == 2
    assert "1 to 256" in capsys.readouterr().err


def test_a_race_of_one_has_no_losers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cancel.main(["--k", "1"])
    assert stopped.value.code == 2
    assert "a number from 2 to 3, found '1'" in capsys.readouterr().err


def test_a_profile_by_which_streams_fail_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cancel.main(["--profile", "fast,silence=0.1"]) == 2
    assert "bench.cancel: --profile: with faults" in capsys.readouterr().err


def test_a_client_can_leave_through_every_door(tmp_path: Path) -> None:
    arguments = ["--doors", "--requests", "2", "--concurrency", "2", "--rounds", "1"]
    path = tmp_path / "report.json"
    status = cancel.main([*arguments, "--profile", PROFILE, "--json", str(path)])
    report = json.loads(path.read_text())
    assert [(row["name"], row["failures"]) for row in report["rows"] if row["failures"]] == []
    assert status == 0
    assert set(report["still_open"].values()) == {0}
    assert len(report["rows"]) == 1 + 2 * 9
