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
    arguments = ["--idle", "20", "--busy", "3", "--seconds", "2", "--json", str(path)]
    assert sockets.main(arguments) == 0
    report = json.loads(path.read_text())
    assert report["races"] > 0
    assert report["failures"] == 0
    assert report["kib_idle"] >= report["kib_before"] > 0
    assert "20 idle sockets" in capsys.readouterr().out
    assert children() == before
