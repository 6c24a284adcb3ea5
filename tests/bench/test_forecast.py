"""The benchmark of forecasts: its scenes, its sums and verdicts, and a minute of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench._forecast.report import Report
from bench._forecast.rows import Row, Task, pinball, play
from bench._forecast.rules import shrink_by_bayes, shrink_from_20_on
from bench._forecast.scene import LONG, MIXED, ONE_SIZE, is_stall
from bench.forecast import END, START, write_page
from omen.routing.observe.histograms import Histograms

ONE = Row(
    "mixed", "one histogram", 100, 5, (1.2, 1.3), 1.3, 0.04, 0.049, 0.052, 0.050, 1.7,
    (0.01, 0.2), (0.15, 1.5, 2.3),
)  # fmt: skip
OURS = replace(ONE, rule="by count", rescued=(0.2, 0.3), pinball=0.013)


def test_the_same_seed_asks_the_same() -> None:
    short = MIXED.scaled(0.01)
    assert [r.latencies for r in short.requests(1)] == [r.latencies for r in short.requests(1)]
    assert list(short.requests(1)) != list(short.requests(2))


def test_long_prompts_take_long_unless_their_beginning_is_cached() -> None:
    times: dict[tuple[bool, bool], list[float]] = {}
    for request in MIXED.scaled(0.3).requests(1):
        candidate, seconds = next(iter(request.latencies.items()))
        if not is_stall(seconds):
            is_long = candidate.prompt_tokens == LONG
            times.setdefault((is_long, candidate.warm), []).append(seconds)
    medians = {key: sorted(found)[len(found) // 2] for key, found in times.items()}
    assert medians[True, False] > 4 * medians[True, True] > 6 * medians[False, True]
    long = sum(len(found) for (is_long, _), found in times.items() if is_long)
    assert long / sum(map(len, times.values())) == pytest.approx(0.2, abs=0.02)


def test_the_pinball_loss_is_least_at_the_quantile() -> None:
    values = [float(n) for n in range(100)]
    losses = {at: sum(pinball(value, at) for value in values) for at in (80.0, 94.5, 99.0)}
    assert min(losses, key=lambda at: losses[at]) == 94.5


def test_each_missed_aim_is_a_complaint() -> None:
    assert Report({}, [ONE, OURS]).complaint == ""
    assert "hedged after" in Report({}, [ONE, replace(OURS, rescued=(0.4, 0.5))]).complaint
    assert "useless" in Report({}, [ONE, replace(OURS, useless=0.06)]).complaint
    assert "pinball" in Report({}, [ONE, replace(OURS, pinball=0.026)]).complaint
    assert "ten minutes" in Report({}, [ONE, replace(OURS, worst_extra=0.056)]).complaint
    one, ours = (replace(row, scene=ONE_SIZE.name, pinball=0.01) for row in (ONE, OURS))
    assert Report({}, [one, ours]).complaint == ""
    assert "p99" in Report({}, [one, replace(ours, quantiles=(0.15, 1.6, 2.3))]).complaint


def test_a_few_minutes_of_it_hedge_stalled_short_prompts_soon() -> None:
    one, ours = (
        play(Task(replace(MIXED, seconds=150.0), rule)) for rule in ("one histogram", "by count")
    )
    assert ours.requests == one.requests
    assert ours.rescued[0] < 0.35
    assert one.rescued[0] > 1.0
    assert ours.pinball < 0.5 * one.pinball
    assert "| mixed | by count |" in Report({}, [one, ours]).table


def of(count: int, seconds: float) -> Histograms:
    found = Histograms()
    for number in range(count):
        found.record(seconds + number / 1000, observed=True)
    return found


def test_the_other_rules_do_what_they_are_named_after() -> None:
    parent = of(1000, 1.0)
    assert shrink_from_20_on(of(19, 0.1), parent) is parent
    assert shrink_from_20_on(child := of(20, 0.1), parent) is child
    alike = Histograms({index: count / 20 for index, count in parent.observed.items()}, {})
    unlike = of(50, 0.1)
    assert shrink_by_bayes(alike, parent).total > 10 * shrink_by_bayes(unlike, parent).total


def test_the_table_goes_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"a\n{START}old{END}\nb\n")
    write_page(page, Report({}, [ONE]))
    text = page.read_text()
    assert text.startswith(f"a\n{START}| scene | rule |")
    assert text.endswith(f"|{END}\nb\n")
    assert "old" not in text
