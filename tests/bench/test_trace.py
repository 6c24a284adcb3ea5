"""How many files a reader has to open to follow one request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.trace import trace_requests

ROOT = Path(__file__).parents[2]


async def test_a_request_enters_few_files_and_comes_back_to_few() -> None:
    """More are not forbidden. But the figures in docs/architecture.md come from here."""
    first, second = await trace_requests()
    assert len(first.entered) <= 71
    assert len(first.files) - 1 <= 157
    assert second.entered[0] == "omen/front/http/recorded.py"
    assert "omen/wire/_dial.py" in first.entered
    assert "omen/wire/_dial.py" not in second.entered
    assert sys.getprofile() is None


def test_the_architecture_has_the_figures_of_the_run() -> None:
    command = [sys.executable, "-m", "bench.trace"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    first = done.stdout.splitlines()[0].removeprefix("first request: ")
    files = first.partition(" files")[0]
    page = " ".join((ROOT / "docs/architecture.md").read_text(encoding="utf-8").split())
    assert f"{files} files" in page
