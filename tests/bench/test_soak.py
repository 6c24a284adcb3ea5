"""`bench.soak`: its verdicts on given figures, and a run of a few seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from bench.soak import __main__ as command
from bench.soak._figures import Sample, quantile, slope_of, tenths
from bench.soak._traffic import Tally
from tests.bench.children import children


def samples(per_hour: float, *, noise: float = 0.0) -> list[Sample]:
    """Twenty minutes, a sample every second, of memory that grows like this."""
    draw = random.Random(1)
    return [
        Sample(second, 100 + per_hour * second / 3600 + draw.gauss(0, noise), 20, 0, 0)
        for second in range(1200)
    ]


@pytest.mark.parametrize(
    ("per_hour", "noise", "is_noise"),
    [(0.0, 1.0, True), (60.0, 1.0, False), (5.0, 0.1, True), (-60.0, 1.0, True)],
)
def test_a_leak_is_told_from_noise(per_hour: float, noise: float, is_noise: bool) -> None:
    slope = slope_of(samples(per_hour, noise=noise))
    assert slope.is_noise is is_noise
    assert abs(slope.per_hour - per_hour) <= 3 * slope.error


def test_an_exact_slope_has_its_value_and_no_error() -> None:
    slope = slope_of(samples(36.0))
    assert slope.per_hour == pytest.approx(36.0)
    assert slope.error == pytest.approx(0.0, abs=1e-6)
    assert not slope.is_noise


def test_the_first_and_the_last_tenth_are_by_time() -> None:
    first, last = tenths([(at, at) for at in (0.0, 1.0, 5.0, 9.0, 10.0)])
    assert (first, last) == ([0.0, 1.0], [9.0, 10.0])
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0


def report(**more: object) -> command.Report:
    fine = Sample(0.0, 100.0, 20, 0, 0)
    steady = [(float(at), 0.001) for at in range(100)]
    given = {
        "before": fine, "after": fine, "rows": 5, "samples": samples(0.0, noise=1.0),
        "overheads": steady, "direct": steady,
        "slope": slope_of(samples(0.0, noise=1.0)), **more,
    }  # fmt: skip
    return command.Report(20.0, {}, Tally(), **given)  # type: ignore[arg-type]


def test_a_run_of_which_nothing_is_left_is_met() -> None:
    assert report().complaint == ""


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"after": Sample(0.0, 100.0, 21, 0, 0)}, "sockets"),
        ({"after": Sample(0.0, 100.0, 20, 1, 0)}, "attempts"),
        ({"after": None}, "sockets"),
        ({"lost": 1}, "rows"),
        ({"rows": 0}, "rows"),
        ({"slope": slope_of(samples(60.0, noise=1.0))}, "memory"),
        ({"overheads": [(float(at), 0.001 + 0.001 * at) for at in range(100)]}, "overhead"),
        ({"overheads": []}, "overhead"),
        ({"errors": ["… ERROR omen: x"]}, "errors"),
    ],
)
def test_whatever_is_left_lost_or_grows_is_a_complaint(
    more: dict[str, object], wanted: str
) -> None:
    assert report(**more).complaint.startswith(wanted)


def test_a_small_run_leaves_nothing(tmp_path: Path) -> None:
    before, path = children(), tmp_path / "report.json"
    # Its exit status is about times as well, which a run of seconds says nothing about.
    assert command.main(["--minutes", "0.05", "--clients", "4", "--json", str(path)]) in (0, 1)
    checks = {
        wanted.partition(":")[0]: met for wanted, _, met in json.loads(path.read_text())["checks"]
    }
    for wanted in ("sockets left", "attempts and requests left", "rows lost", "errors in the log"):
        assert checks[wanted], wanted
    assert children() == before
