"""What the page, `/metrics` and the request lines cost: the comparison, and its verdict."""

from __future__ import annotations

from bench import seeing
from bench.seeing import Options, Report


async def test_a_gateway_that_is_looked_at_answers_as_well() -> None:
    report = await seeing.measure(Options(rounds=1, scale=0.05))
    assert report.wrong == 0
    assert set(report.shares) == {"plain-64", "stream-16"}
    assert all(cost > 0 for costs in report.seen.values() for cost in costs)
    assert "| plain-64 | " in report.to_text()


def test_the_median_of_the_rounds_decides() -> None:
    unseen = {"plain-64": [100.0] * 5}
    cheap = Report({}, {}, unseen, {"plain-64": [102.0, 101.0, 140.0, 102.5, 90.0]}, 0)
    assert cheap.complaint == ""
    dear = Report({}, {}, unseen, {"plain-64": [103.0, 104.0, 90.0, 103.5, 99.0]}, 0)
    assert dear.complaint == "plain-64: 3% or more"
    assert Report({}, {}, unseen, unseen, 2).complaint == "2 answers were wrong"
