"""Figures of several workers, as of one gateway."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from omen.front.operations.merged_metrics import cumulative, merge, plain, render
from omen.front.operations.merged_status import merge_status
from omen.front.operations.own_part import add_figures
from omen.front.operations.peers import Gathered
from omen.telemetry import CancelTimes


def figures(answered: int, live: int, pressure: int) -> list[list[object]]:
    requests = CounterMetricFamily("omen_requests", "Requests.", labels=["result"])
    requests.add_metric(["answered"], answered)
    seconds = HistogramMetricFamily("omen_seconds", "Seconds.", labels=["door"])
    seconds.add_metric(["chat"], [("1", float(answered)), ("+Inf", answered + 1.0)], 2.5)
    running = GaugeMetricFamily("omen_requests_live", "Live.", live)
    level = GaugeMetricFamily("omen_pressure", "Level.", pressure)
    return plain([requests, seconds, running, level])


def test_counters_and_histograms_add_up_and_levels_do_not() -> None:
    text = render(merge(figures(3, 2, 0), figures(4, 1, 3))).decode()
    assert 'omen_requests_total{result="answered"} 7.0' in text
    assert 'omen_seconds_bucket{door="chat",le="+Inf"} 9.0' in text
    assert 'omen_seconds_sum{door="chat"} 5.0' in text
    assert "omen_requests_live 3.0" in text
    assert "omen_pressure 3.0" in text
    assert text.count("# TYPE omen_requests_total counter") == 1


def test_of_a_worker_that_has_ended_only_counts_are_left() -> None:
    left = cumulative(figures(5, 9, 3))
    text = render(merge(figures(1, 1, 0), left)).decode()
    assert 'omen_requests_total{result="answered"} 6.0' in text
    assert "omen_requests_live 1.0" in text
    assert "omen_pressure 0.0" in text


def test_the_counts_of_ended_workers_add_up() -> None:
    counts = {"requests": {"answered": 2}, "ledger": {}}
    one = {"metrics": figures(2, 1, 0), "counts": counts, "recent": [1, 0]}
    two = {"metrics": figures(3, 1, 0), "counts": {"requests": {"answered": 3, "failed": 1}}}
    ended = add_figures(add_figures(None, one), two)
    assert ended["counts"]["requests"] == {"answered": 5, "failed": 1}
    assert 'omen_requests_total{result="answered"} 5.0' in render(ended["metrics"]).decode()


def part(answered: int) -> dict[str, object]:
    return {
        "requests": {"total": answered + 1, "live": 1, "answered": answered, "failed": 0}
        | {"cancelled": 0},
        "attempts_live": 1,
        "admission": {"pressure": answered % 2, "waiting": 2},
        "slots": {"a": {"taken": 1, "limit": 4, "waiting": 0}},
        "recent": (10.0, 1.0),
        "cache": {"enabled": True, "hits": 1, "misses": 3, "ttl_seconds": 60.0}
        | {"memory": {"entries": None}},
        "shared_state": {"kind": "supervisor", "away": answered == 4, "replicas": 2},
        "ledger": {"database": "sqlite", "away": False, "rows_waiting": 1, "rows_written": 0}
        | {"rows_spooled": 2, "rows_refused": 0, "rows_lost": 0},
    }


def test_status_is_that_of_one_gateway() -> None:
    writer = {"away": True, "rows_waiting": 5, "rows_written": 90, "rows_spooled": 1} | {
        "rows_refused": 3,
        "rows_lost": 0,
    }
    ended = {"counts": {"requests": {"answered": 100}, "cache": {"hits": 2}, "ledger": {}}}
    told = merge_status(part(3), Gathered([part(4)], ended, {"ledger": writer}))
    assert told["requests"] == {
        "total": 109,
        "live": 2,
        "answered": 107,
        "failed": 0,
        "cancelled": 0,
    }
    assert told["admission"] == {"pressure": 1, "waiting": 4}
    assert told["slots"] == {"a": {"taken": 2, "limit": 8, "waiting": 0}}
    assert told["recent"] == [20.0, 2.0]
    assert (told["cache"]["hits"], told["cache"]["misses"], told["cache"]["hit_rate"]) == (
        4,
        6,
        0.4,
    )
    assert told["cache"]["ttl_seconds"] == 60.0
    assert told["shared_state"] == {"kind": "supervisor", "away": True, "replicas": 2}
    assert told["ledger"] == {
        "database": "sqlite",
        "away": True,
        "rows_waiting": 7,
        "rows_written": 90,
        "rows_spooled": 5,
        "rows_refused": 3,
        "rows_lost": 0,
    }


def test_histograms_of_cancel_times_add_up_without_loss() -> None:
    one, two, both = CancelTimes(), CancelTimes(), CancelTimes()
    for times, values in ((one, (10, 20, 30)), (two, (1000,))):
        for value in values:
            for into in (times, both):
                into._histogram("lost").record_value(value)
                into._totals["lost"] = into._totals.get("lost", 0.0) + value / 1e6
    merged = CancelTimes()
    merged.add(one.export())
    merged.add(two.export())
    assert merged.by_reason((50.0, 99.0)) == both.by_reason((50.0, 99.0))
    assert merged.by_reason()["lost"].count == 4
