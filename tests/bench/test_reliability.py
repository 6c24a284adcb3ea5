"""The official SDKs over a provider with hiccups: never fewer answers through OMEN."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import reliability
from bench._hiccups import FAULTS, make_cases

MARKS = f"before\n{reliability._START}old\n{reliability._END}after\n"


async def test_no_hiccup_is_worse_through_omen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(MARKS)
    args = argparse.Namespace(cases=2 * len(FAULTS), seed=3, page=page)
    report = await reliability._measure(args)
    assert [row.fault for row in report.rows] == list(FAULTS)
    assert [row.fault for row in report.rows if row.through < row.direct] == []
    assert sum(row.through for row in report.rows) >= 18
    written = page.read_text()
    assert report.to_text() in written
    assert (written.startswith("before"), written.endswith("after\n")) == (True, True)
    assert "old" not in written


def test_a_run_that_is_worse_through_omen_complains() -> None:
    rows = [
        reliability.Row("500", cases=2, direct=2, through=1),
        reliability.Row("429", cases=2, direct=2, through=2, latest=0.75),
        reliability.Row("503", cases=2, direct=1, through=2, latest=0.25),
    ]
    report = reliability.Report({}, {}, rows)
    assert report.complaint == "500: fewer answers; 429: later"


def test_cases_are_the_same_for_the_same_seed_and_have_every_fault() -> None:
    assert make_cases(40, 7) == make_cases(40, 7)
    assert {case.fault for case in make_cases(40, 7)} == set(FAULTS)
