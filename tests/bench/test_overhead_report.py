"""What was measured of the cells, as rows, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from bench._client import Exchange
from bench._machine import CpuTimes
from bench._overhead.kinds import Kind, make_kinds
from bench._overhead.phases import stretched
from bench._overhead.recorded import Recorded, read_recorded, record, write_recorded
from bench._overhead.report import Report, make_rows
from bench._overhead.tally import EXPECTED, Cell, Run, complaint

PLAIN, AT_ONCE, PACED = make_kinds(0.01)


def whole(text: str = EXPECTED, reason: str = "stop") -> Exchange:
    choice = {"message": {"content": text}, "finish_reason": reason}
    return Exchange(1.0, 200, {}, [(1.0, json.dumps({"choices": [choice]}).encode())])


def streamed(text: str = EXPECTED, end: bytes = b"data: [DONE]\n\n", pieces: int = 2) -> Exchange:
    chunk = b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"
    empty = [(1.0, b"")] * (pieces - 2)
    return Exchange(1.0, 200, {}, [(1.0, chunk), *empty, (2.0, end)])


@pytest.mark.parametrize(
    ("kind", "exchange", "reason"),
    [
        (PLAIN, whole(), ""),
        (AT_ONCE, streamed(), ""),
        (PLAIN, whole(EXPECTED[:-1]), "not the answer, word for word and to its end"),
        (PLAIN, whole(reason="length"), "not the answer, word for word and to its end"),
        (AT_ONCE, streamed(EXPECTED[:-1]), "not the answer, word for word and to its end"),
        (AT_ONCE, streamed(end=b""), "not the answer, word for word and to its end"),
        (PLAIN, Exchange(1.0, 200, {}, [(1.0, b"{}")]), "not an answer in OpenAI's format"),
        (
            AT_ONCE,
            Exchange(1.0, 200, {}, [(1.0, b"data: {}\n\n")]),
            "not an answer in OpenAI's format",
        ),
        (PLAIN, Exchange(1.0, 503), "status 503"),
        (PACED, Exchange(failure="not HTTP"), "not HTTP"),
    ],
)
def test_every_answer_is_held_against_what_it_must_say(
    kind: Kind, exchange: Exchange, reason: str
) -> None:
    assert complaint(kind, exchange) == reason


def run(process: str, cpu: float, *exchanges: Exchange, kind: Kind = PLAIN) -> Run:
    """The requests of these exchanges, for which a process had so many seconds, in one second."""
    made = Run()
    for exchange in exchanges:
        made.add(kind, exchange)
    made.spent.add(1.0, {process: CpuTimes(cpu, 0.125)})
    return made


def cells() -> list[Cell]:
    """One request of each kind at two connections; a paced answer came in 62 pieces."""
    plain, at_once, paced = (Cell(kind, 2) for kind in (PLAIN, AT_ONCE, PACED))
    plain.gateway = run("gateway", 0.002, whole())
    plain.layers = Counter({"serving": 3, "trio": 1})
    plain.serving = run("serving", 0.0005, whole())
    at_once.gateway = run("gateway", 0.003, streamed(), kind=AT_ONCE)
    at_once.transport_us = 250.0
    paced.gateway = run("gateway", 0.0152, streamed(pieces=62), kind=PACED)
    return [plain, at_once, paced]


def test_the_cost_is_shared_out_among_requests_layers_and_chunks() -> None:
    plain, at_once, paced = make_rows(cells())
    assert plain.cpu_us_per_request == pytest.approx(2000)
    assert plain.layers_us["serving"] == pytest.approx(1500)
    assert plain.layers_us["trio"] == pytest.approx(500)
    assert plain.layers_us["engine"] == 0
    assert (plain.samples, plain.serving_alone_us) == (4, pytest.approx(500))
    assert plain.cpu_us_per_chunk is plain.cpu_us_per_further_piece is None
    assert at_once.cpu_us_per_request == pytest.approx(3000)
    assert at_once.transport_alone_us == 250
    assert paced.pieces_per_request == 62
    assert paced.cpu_us_per_chunk == pytest.approx(15_200 / 64)
    assert paced.cpu_us_per_further_piece == pytest.approx((15_200 - 3000) / 61)


def test_the_report_reads_as_two_tables() -> None:
    report = Report({"seconds": 6.0, "connections": (2,)}, {}, make_rows(cells()), 0.9987)
    lines = report.to_text().splitlines()
    assert lines[1] == "seconds 6.0, connections 2"
    assert lines[3:8] == [
        "                                                                     the gateway"
        "                  alone",
        "kind, connections            requests   per s  pieces    request   chunk further   "
        "   serving transport",
        "plain, 2                            1       1     1.0       2000                   "
        "       500",
        "64 chunks at once, 2                1       1     2.0       3000                   "
        "         0       250",
        "64 chunks, paced, 2                 1       1    62.0      15200     238     200   "
        "         0",
    ]
    assert lines[9] == "whose it is, us a request (share)"
    assert lines[11].split() == [
        *("plain,", "2", "1500", "75%", "0", "0%", "0", "0%", "0", "0%", "0", "0%"),
        *("500", "25%", "0", "0%", "4"),
    ]
    assert "the main thread had 99.9% of the gateway's time" in lines
    assert any("stock parts 2200 plain and 280 a paced chunk" in line for line in lines)
    assert any("gateway 0.00 + 0.12 at 1 requests/s" in line for line in lines)
    assert report.complaint == ""


def test_a_failure_in_any_run_is_one_of_the_report() -> None:
    made = cells()
    made[0].sampled.add(PLAIN, Exchange(1.0, 503))
    made[1].serving.add(AT_ONCE, streamed(end=b""))
    report = Report({}, {}, make_rows(made), 1.0)
    assert report.complaint == "2 requests failed"
    assert report.to_text().splitlines()[-2:] == [
        "FAILED plain, 2: 1 x status 503",
        "FAILED 64 chunks at once, 2: 1 x not the answer, word for word and to its end",
    ]


def test_the_report_is_plain_json() -> None:
    report = Report({"seed": 1}, {"cores": 2}, make_rows(cells()), 1.0)
    written = json.loads(json.dumps(report.to_json()))
    assert written["benchmark"] == "overhead"
    assert written["reference_us"]["stock parts"] == {"plain": 2200.0, "paced chunk": 280.0}
    assert [row["name"] for row in written["rows"]] == ["plain_2", "at_once_2", "paced_2"]
    assert written["rows"][0]["shares"]["gateway"]["cores_wanting"] == 0.125


def test_a_gateway_that_idles_is_sampled_for_longer_within_bounds() -> None:
    assert stretched(6.0, busy=1.0) == 6.0
    assert stretched(6.0, busy=0.25) == 8.0
    assert stretched(6.0, busy=0.0) == 30.0


def test_a_recorded_answer_is_what_came_but_for_what_a_server_writes_itself(
    tmp_path: Path,
) -> None:
    exchange = Exchange(1.0, 200, {"content-type": "text/plain", "date": "today"})
    exchange.arrivals += [(1.0, b"abc"), (2.0, b"de")]
    recorded = record(exchange, 0.01)
    assert recorded == Recorded({"content-type": "text/plain"}, ["abc", "de"], 0.01)
    write_recorded(tmp_path / "answers.json", {"paced": recorded})
    assert read_recorded(tmp_path / "answers.json") == {"paced": recorded}
