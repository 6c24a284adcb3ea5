"""The benchmark of gates: its answers are what they are meant to be, and a small run of it."""

from __future__ import annotations

import random

import pytest

from bench import gate
from bench._gate._answers import bad_pieces, good_texts
from omen.core.answer_checks import Rejection
from omen.race.checks import checks_of


@pytest.mark.parametrize("check", gate.CHECKS)
def test_every_bad_answer_is_rejected_by_its_check_in_the_end(check: str) -> None:
    dice = random.Random(3)
    for _ in range(30):
        request = gate.CHECKS[check](dice).request
        make = checks_of([gate._PATTERN.get(check, check)], request)
        assert make is not None
        checks = make()
        checks.take(bad_pieces(check, dice))
        assert isinstance(checks.verdict(), Rejection)


def test_there_are_five_hundred_good_answers_and_none_twice() -> None:
    texts = ["".join(str(piece) for piece in answer.pieces) for answer in good_texts()]
    assert len(set(texts)) >= 500
    assert len(texts) - len(set(texts)) <= 10  # a program is a good answer to two prompts


def test_a_small_run_is_as_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "AIM_SECONDS", 1.0)  # for other machines to judge
    assert gate.main(["--requests", "60", "--seed", "2"]) == 0
    assert "| `no_refusal` |" in capsys.readouterr().out


def test_what_is_not_as_wanted_is_named() -> None:
    good = gate.Row("language", 100, 15, 0, 0.3, 0.3, 0.3, 0.3)
    bad = gate.Row("no_refusal", 100, 15, 2, 0.3, 0.3, 0.3, 0.3)
    late = gate.Row("json_schema", 100, 15, 0, 0.3, 0.4, 0.3, 0.31)
    report = gate.Report({}, [good, bad, late], good=500, rejected=3, verdict_seconds=0.001)
    assert report.complaint == (
        "no_refusal, json_schema, good answers that were rejected, the time of a verdict"
    )
