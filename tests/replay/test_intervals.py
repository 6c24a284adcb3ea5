"""How sure a comparison is: what the intervals cover, and what nothing is said about."""

from __future__ import annotations

from math import inf
from random import Random

from omen.cli.replay import table
from omen.replay import QUANTILES, Comparison, Policy
from omen.replay._intervals import FEWEST, Measured, intervals_of

MEDIAN = {"p50": 0.5}


def day(random: Random, count: int = 1000) -> list[Measured]:
    """Requests of a day; a tenth of them has an extra start, which costs a cent."""
    return [
        Measured(
            86_400 * random.random(),
            0.4 * random.lognormvariate(0, 0.5),
            extra := int(random.random() < 0.1),
            0.01 * extra,
        )
        for _ in range(count)
    ]


def test_the_truth_is_inside_of_nearly_all_intervals() -> None:
    truth = {"p50": 0.4, "extra": 0.1, "usd": 1.0}
    covered = dict.fromkeys(truth, 0)
    for seed in range(40):
        found = intervals_of(day(Random(seed)), MEDIAN, seed)
        for name, value in truth.items():
            covered[name] += found[name][0] <= value <= found[name][1]
    assert min(covered.values()) >= 34


def test_the_same_seed_gives_the_same_intervals_and_the_order_of_requests_does_not_matter() -> None:
    requests = day(Random(1))
    found = intervals_of(requests, MEDIAN, 1)
    assert intervals_of(requests, MEDIAN, 1) == found
    assert intervals_of(requests[::-1], MEDIAN, 1) == found
    assert intervals_of(requests, MEDIAN, 2) != found


def test_more_requests_make_surer() -> None:
    few, many = (intervals_of(day(Random(1), count), MEDIAN, 1)["p50"] for count in (200, 20_000))
    assert many[1] - many[0] < (few[1] - few[0]) / 3


def test_slow_hours_make_less_sure() -> None:
    calm = day(Random(1))
    rough = [
        Measured(one.at, one.seconds * (3 if one.at < 20_000 else 1), one.extra, one.usd)
        for one in calm
    ]
    low, high = intervals_of(calm, MEDIAN, 1)["p50"]
    rough_low, rough_high = intervals_of(rough, MEDIAN, 1)["p50"]
    assert rough_high - rough_low > 2 * (high - low)


def test_what_too_few_requests_tell_of_is_left_out() -> None:
    assert intervals_of(day(Random(1), FEWEST - 1), QUANTILES, 1) == {}
    assert set(intervals_of(day(Random(1), 1000), QUANTILES, 1)) == {
        "p50", "p95", "p99", "extra", "usd",
    }  # fmt: skip


def test_a_pause_in_the_recording_makes_no_difference() -> None:
    """A benchmark of ten minutes, and one request of the next day."""
    burst = [Measured(one.at / 144, one.seconds, one.extra, one.usd) for one in day(Random(1))]
    found = intervals_of([*burst, Measured(90_000.0, 0.4, 0, 0.0)], QUANTILES, 1)
    seconds = sorted(one.seconds for one in burst)
    assert seconds[400] < found["p50"][0] < seconds[500] < found["p50"][1] < seconds[600]
    assert seconds[950] < found["p99"][0] < seconds[990] < found["p99"][1]
    assert 0.07 < found["extra"][0] < 0.1 < found["extra"][1] < 0.15


def test_requests_that_were_never_answered_and_all_at_once_are_no_special_case() -> None:
    never = [Measured(5.0, inf, 0, 0.0)] * 200
    assert intervals_of(never, MEDIAN, 1) == {
        "p50": (inf, inf),
        "extra": (0.0, 0.0),
        "usd": (0.0, 0.0),
    }


def test_the_table_has_them_in_brackets_where_there_are_any() -> None:
    sure = {"p50": (0.3, 0.5), "extra": (0.01, 0.02), "usd": (0.0, 0.0123)}
    told = table([Comparison(Policy.parse("single"), [0.4], 0.015, 0, 0, sure)], 1)  # type: ignore[arg-type]
    cells = [cell.strip() for cell in told.splitlines()[-1].split("|")]
    assert cells[2:8] == [
        "0.400 [0.300, 0.500]",
        *["0.400"] * 3,
        "1.50% [1.00%, 2.00%]",
        "0.0000 [0.0000, 0.0123]",
    ]


def test_an_interval_has_the_estimate_inside() -> None:
    for seed in range(10):
        requests = day(Random(seed))
        found = intervals_of(requests, MEDIAN, seed)
        low, high = found["extra"]
        assert low <= sum(one.extra for one in requests) / len(requests) <= high
