"""What came back, judged against what is known of it beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench._answers import read_answer
from bench._client import Exchange
from bench._machine import CpuTimes
from bench._race.report import Report, make_row
from bench._race.tally import BadAnswerError, Tally, Verdict, judge
from bench._race.variants import make_variants
from bench._shares import Share
from omen.sim import Fixed, Profile, SimulatedUpstream, answer_tokens

SENT_AT = 100.0
STEADY = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=5)
FLEET = [
    SimulatedUpstream("sim-openai", "openai", STEADY),
    SimulatedUpstream("sim-anthropic", "anthropic", replace(STEADY, first_token=Fixed(0.75))),
]
DIRECT, SINGLE, RACE_1, RACE_5 = make_variants(FLEET, 2)


def chunk(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def answered(
    winner: str = "sim-openai", late: float = 0.0, end: bytes = b"data: [DONE]\n\n"
) -> Exchange:
    """Answer as the winner does when left alone, each token `late` seconds late."""
    first = {"sim-openai": 0.5, "sim-anthropic": 0.75}[winner]
    start = SENT_AT + first + late
    tokens = enumerate(answer_tokens(winner, 5))
    arrivals = [(SENT_AT, chunk("")), *((start + 0.25 * n, chunk(text)) for n, text in tokens)]
    arrivals.append((start + 1.0, end))
    headers = {"x-omen-provider": winner}
    return Exchange(SENT_AT, 200, headers, arrivals)


def test_the_excess_is_what_was_needed_beyond_the_draw() -> None:
    assert judge(RACE_1, "any", answered(late=0.125)) == Verdict(0.125, 0.0, 7)


def test_usefulness_is_judged_at_the_client_by_the_text_that_has_come() -> None:
    # Ideal is sim-openai, at 1.25 with its fourth word; sim-anthropic is useful with its third.
    assert judge(RACE_5, "any", answered("sim-anthropic")) == Verdict(0.0, 0.0, 7)
    slow = [FLEET[0], replace(FLEET[1], profile=replace(STEADY, first_token=Fixed(1.0)))]
    race = make_variants(slow, 2)[3]
    exchange = answered("sim-anthropic", late=0.25)
    assert judge(race, "any", exchange) == Verdict(0.25, 0.25, 7)


def test_a_race_that_the_slower_one_won_gave_its_lead_away() -> None:
    assert judge(RACE_1, "any", answered("sim-anthropic", late=0.125)) == Verdict(0.375, 0.25, 7)


def test_without_omen_nobody_has_to_say_who_answered() -> None:
    exchange = answered(late=0.25)
    exchange.headers.clear()
    assert judge(DIRECT, "any", exchange).excess == 0.25


def test_a_frame_has_come_when_its_last_byte_has() -> None:
    frame = chunk("This")
    exchange = Exchange(SENT_AT, 200, {}, [(1.0, frame[:9]), (2.0, frame[9:-1]), (3.0, b"\n")])
    answer = read_answer(exchange)
    assert [(piece.at, piece.text) for piece in answer.pieces] == [(3.0, "This")]
    assert not answer.done


def spoil_status(exchange: Exchange) -> None:
    exchange.status = 503


def spoil_failure(exchange: Exchange) -> None:
    exchange.failure = "not complete within 30 s"


def spoil_winner(exchange: Exchange) -> None:
    exchange.headers["x-omen-provider"] = "somebody"


def spoil_end(exchange: Exchange) -> None:
    exchange.arrivals.pop()


def spoil_words(exchange: Exchange) -> None:
    exchange.arrivals[3] = (exchange.arrivals[3][0], chunk(" sim-other"))


def spoil_frame(exchange: Exchange) -> None:
    exchange.arrivals[3] = (exchange.arrivals[3][0], b'data: {"error": {}}\n\n')


def spoil_time(exchange: Exchange) -> None:
    exchange.sent_at += 0.125


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_status, "status 503"),
        (spoil_failure, "not complete within 30 s"),
        (spoil_winner, "a winner that did not take part"),
        (spoil_end, "not the winner's answer, word for word and to its end"),
        (spoil_words, "not the winner's answer, word for word and to its end"),
        (spoil_frame, "not a stream of chunks"),
        (spoil_time, "sooner than any upstream can have written it"),
    ],
)
def test_an_answer_that_is_not_as_it_should_be_is_a_failure(
    spoil: Callable[[Exchange], None], reason: str
) -> None:
    exchange = answered()
    spoil(exchange)
    with pytest.raises(BadAnswerError) as raised:
        judge(RACE_1, "any", exchange)
    assert str(raised.value) == reason


def tallied() -> Tally:
    """Eight good answers, 1 to 8 ms late, one that another won, and a failure, in two blocks."""
    tally = Tally(RACE_1)
    for late in range(1, 9):
        tally.add("any", answered(late=late / 1000))
    tally.add("any", answered("sim-anthropic"))
    tally.add("any", Exchange(SENT_AT, 503))
    tally.spent.add(1.5, {"gateway": CpuTimes(0.25, 0.5)})
    tally.spent.add(0.5, {"gateway": CpuTimes(0.25, 0.0)})
    return tally


def test_a_row_says_what_the_tally_comes_to() -> None:
    row = make_row(tallied())
    assert (row.name, row.requests, row.failures) == ("race_1", 10, {"status 503": 1})
    # The histogram keeps three digits.
    assert row.excess_ms == pytest.approx({"p50": 5, "p90": 8, "p99": 250, "max": 250}, rel=1e-3)
    assert row.ideal_winner_share == 8 / 9
    assert row.missed_by_max_ms == 250
    assert row.chunks_per_request == 7
    assert row.requests_per_second == 5
    assert row.shares == {
        "gateway": Share(cpu_us_per_request=50_000, cores_busy=0.25, cores_wanting=0.25)
    }
    assert row.aims_met == {"p50": False, "p99": False}


def test_the_aims_hold_for_races_only() -> None:
    assert make_row(Tally(RACE_5)).aims_met == {"p50": True, "p99": True}
    assert make_row(Tally(DIRECT)).aims_met == make_row(Tally(SINGLE)).aims_met == {}


def test_the_report_reads_as_a_table_with_what_follows_from_it() -> None:
    gateway = {"gateway": CpuTimes(0.25, 0.0)}
    tallies = [Tally(DIRECT), Tally(SINGLE), tallied()]
    tallies[0].add("any", answered(late=0.001))
    tallies[1].add("any", answered(late=0.002))
    for tally in tallies[:2]:
        tally.spent.add(1.0, gateway)
    report = Report({"seed": 1}, {}, [make_row(tally) for tally in tallies])
    lines = report.to_text().splitlines()
    assert lines[1] == "seed 1"
    assert lines[3:8] == [
        "                                      excess over the best possible, ms   ideal   "
        "gateway CPU, us",
        "                                          p50     p90     p99     max  winner   "
        "request   chunk",
        "one upstream, without OMEN               1.00    1.00    1.00    1.00",
        "one upstream, through OMEN               2.00    2.00    2.00    2.00  100.0%    "
        "250000   35714",
        "race of 2, the first token decides       5.00    8.00  250.11  250.11   88.9%     "
        "50000    7143",
    ]
    assert "race of 2, the first token decides: aim p50 < 3 ms NOT met (5.00 ms)" in lines
    assert lines[-1] == "FAILED race of 2, the first token decides: 1 x status 503"
    assert report.failed == 1


def test_the_report_is_plain_json() -> None:
    report = Report({"seed": 1}, {"cores": 2}, [make_row(tallied())])
    written = json.loads(json.dumps(report.to_json()))
    assert written["aims_ms"] == {"p50": 3.0, "p99": 15.0}
    assert written["rows"][0]["shares"]["gateway"]["cores_busy"] == 0.25
