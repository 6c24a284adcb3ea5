"""The benchmark of votes: its draws, its sums, and a small run of it."""

from __future__ import annotations

import argparse

from bench.votes import Question, Report, Row, play, questions


def test_the_same_seed_asks_the_same() -> None:
    assert [*questions(20, 5, 4, 1)] == [*questions(20, 5, 4, 1)]
    assert [*questions(20, 5, 4, 1)] != [*questions(20, 5, 4, 2)]


def test_the_full_vote_elects_the_most_frequent_answer_and_of_two_the_first_ones() -> None:
    assert Question([("1", 1.0), ("0", 1.0), ("0", 1.0)]).elected == "0"
    assert Question([("1", 1.0), ("0", 1.0)]).elected == "1"


def test_a_risk_saves_drafts_and_without_one_all_start() -> None:
    report = play(argparse.Namespace(questions=60, k=9, seed=1))
    full, risky = report.rows[0], report.rows[3]
    assert (full.risk, full.drafts, full.same) == (None, 9 * 60, 60)
    assert risky.risk == 0.05
    assert risky.drafts < 0.75 * full.drafts
    assert risky.same >= 55
    assert "| 4 | full vote | 9.00 | 0.0% | 100.0% |" in report.to_text()


def test_a_run_in_which_no_risk_saves_enough_is_a_complaint() -> None:
    good = Row(9, 4, 0.05, questions=1000, drafts=5400, same=996, seconds=[1.0])
    assert Report({}, [good]).complaint == ""
    for others, drafts, same in ((4, 5401, 1000), (4, 5000, 994), (1, 5000, 1000)):
        poor = Row(9, others, 0.05, questions=1000, drafts=drafts, same=same)
        assert Report({}, [poor]).complaint == "no risk saves 40% at 0.5%"
