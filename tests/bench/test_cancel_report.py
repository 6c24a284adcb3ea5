"""What the visits come to, as a row, as text and as JSON."""

from __future__ import annotations

import json

from bench._cancel.metrics import OwnAccount
from bench._cancel.report import Report, make_row
from bench._cancel.tally import Tally
from bench._cancel.upstreams import Stream
from bench._cancel.visits import Visit
from bench._cancel.ways import Way, make_ways
from bench._client import Exchange
from bench._machine import CpuTimes
from omen.sim import DEFAULT_FLEET, key_hash

DIRECT, LOST, *_, AFTER_SINGLE, AFTER_RACE = make_ways(DEFAULT_FLEET, 3)
WINNER = {"x-omen-provider": "sim-openai"}
LEFT = 1_795_000_000.0


def tallied(*delays: float | None, way: Way = AFTER_SINGLE) -> Tally:
    """Visits whose client left, each closed after its delay; None is one that never was."""
    tally = Tally(way, 16)
    visited = [
        (f"question {number}", Visit(Exchange(1.0, 200, WINNER), LEFT))
        for number, _ in enumerate(delays)
    ]
    streams = {
        key_hash(f"question {number}"): [
            Stream(None, None) if delay is None else Stream("closed_by_peer", LEFT + delay)
        ]
        for number, delay in enumerate(delays)
    }
    tally.add_block(visited, {"sim-openai": streams})
    tally.spent.add(2.0, {"gateway": CpuTimes(0.5, 0.25)})
    return tally


def report(*tallies: Tally, still_open: int = 0) -> Report:
    rows = [make_row(tally) for tally in tallies]
    account = OwnAccount(None, "none, /metrics is a 404")
    settings = {"seed": 1, "concurrency": (1, 16)}
    return Report(settings, {"cores": 2}, rows, {"sim-openai": still_open}, account)


def test_a_row_says_what_the_tally_comes_to() -> None:
    row = make_row(tallied(*(number / 1000 for number in range(1, 11))))
    assert row.title == "client leaves a single, after, 16 at once"
    assert (row.requests, row.closed, row.failures, row.aside) == (10, 10, {}, {})
    # The histogram keeps three digits.
    assert {name: round(ms) for name, ms in row.delay_ms.items()} == {
        "p50": 5,
        "p90": 9,
        "p99": 10,
        "max": 10,
    }
    assert row.requests_per_second == 5
    assert row.shares["gateway"].cores_busy == 0.25
    assert row.aims_met == {"p99": False}


def test_the_aim_is_met_by_streams_that_were_closed_in_time() -> None:
    assert make_row(tallied(0.001, 0.004)).aims_met == {"p99": True}
    assert make_row(tallied(0.001, 0.006)).aims_met == {"p99": False}
    assert make_row(Tally(LOST, 1)).aims_met == {"p99": False}
    assert make_row(Tally(DIRECT, 1)).aims_met == {}  # OMEN has no part in it


def test_a_stream_of_no_question_is_a_failure() -> None:
    tally = Tally(AFTER_RACE, 1)
    tally.add_block([], {"sim-openai": {key_hash("somebody's"): [Stream("finished", LEFT)]}})
    assert tally.failures == {"a stream of no question that was asked": 1}


def test_the_report_reads_as_a_table_with_what_became_of_every_stream() -> None:
    lines = report(tallied(0.001, 0.002, 0.004, None)).to_text().splitlines()
    assert lines[1] == "seed 1, concurrency 1 and 16"
    assert lines[3:5] == [
        "                                               requests  closed     p50     p90     "
        "p99     max  ms",
        "client leaves a single, after, 16 at once             4       3    2.00    4.00    "
        "4.00    4.00",
    ]
    assert "client leaves a single, after, 16 at once: aim p99 < 5 ms met (4.00 ms)" in lines
    assert "closed and timed: 3 streams; not timed: 0; failures: 1" in lines
    assert "open in the end: sim-openai 0" in lines
    assert "gateway's own omen_cancel_seconds: none, /metrics is a 404" in lines
    assert lines[-1] == "FAILED client leaves a single, after, 16 at once: 1 x never closed"


def test_what_omen_adds_is_told_beside_the_way_without_it() -> None:
    tallies = [tallied(0.001, 0.002, way=DIRECT), tallied(0.002, 0.004)]
    lines = report(*tallies).to_text().splitlines()
    assert [line for line in lines if "own part" in line] == [
        "client leaves a single, after, 16 at once: OMEN's own part p50 1.00 ms, p99 2.00 ms"
    ]


def test_whatever_was_not_closed_is_a_complaint() -> None:
    assert report(tallied(0.001)).complaint == ""
    assert report(tallied(0.001, None)).complaint.startswith("1 requests failed or streams")
    assert report(tallied(0.001), still_open=2).complaint.startswith("2 requests failed")


def test_the_report_is_plain_json() -> None:
    written = json.loads(json.dumps(report(tallied(0.001, None)).to_json()))
    assert written["benchmark"] == "cancel"
    assert written["aims_ms"] == {"p99": 5.0}
    assert written["still_open"] == {"sim-openai": 0}
    assert written["own_account"]["figures"] is None
    (row,) = written["rows"]
    assert (row["name"], row["concurrency"], row["closed"]) == ("after_single", 16, 1)
    assert row["failures"] == {"never closed": 1}
