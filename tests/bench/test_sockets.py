"""`bench.sockets` as a whole: small, but with its processes and sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import sockets
from tests.bench.children import children


def test_a_small_run_counts_races_and_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = children()
    path = tmp_path / "report.json"
    arguments = ["--idle", "20", "--busy", "3", "--at-once", "5", "--seconds", "2"]
    assert sockets.main([*arguments, "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert report["races"] > 0
    assert report["failures"] == 0
    assert report["kib_idle"] >= report["kib_before"] > 0
    unread = report["unread"]
    assert (unread["races"], unread["chunks_expected"]) == (5, 4)
    assert unread["chunks_fewest"] > 0
    assert unread["kib_begun"] > 0
    told = capsys.readouterr().out
    assert "20 idle sockets" in told
    assert "5 races on one socket, one of them never read" in told
    assert children() == before
