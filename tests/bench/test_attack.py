"""`bench.attack`: the table of all attacks, and that each can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.attack import __main__ as command
from bench.attack._arena import Arena
from bench.attack._rows import Attack, Outcome, attack
from tests.bench.children import children

ALL = [f"{group}{number}" for group, count in {"L": 8, "B": 8, "S": 8, "T": 4}.items()
       for number in range(1, count + 1)]  # fmt: skip


def made(name: str, outcome: Outcome | Exception) -> Attack:
    @attack(name, done="this", before="that", wanted="the other")
    async def run(arena: Arena) -> Outcome:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return run


def test_every_attack_has_a_row_in_order() -> None:
    assert [one.name for one in command.ATTACKS] == ALL


async def test_an_attack_that_is_withstood_and_one_that_is_not(tmp_path: Path) -> None:
    attacks = [made("A1", Outcome("fine", met=True)), made("A2", Outcome("down | out", met=False))]
    report = await command.measure(attacks, tmp_path / "attacks.md")
    assert report.complaint == "not met: A2"
    page = (tmp_path / "attacks.md").read_text()
    assert "1 of 2 withstood" in page
    assert "| A1 | this | that | fine | the other | yes |" in page
    assert "| A2 | this | that | down / out | the other | **no** |" in page
    assert re.search(
        r"^2\d{3}-\d\d-\d\dT\S+, Linux \S+, \d+ cores, Python 3\S+, commit ", page, re.M
    )


@pytest.mark.parametrize("error", [KeyError("budget"), OSError("refused"), TypeError("none")])
async def test_an_attack_that_cannot_be_measured_is_not_met(error: Exception) -> None:
    report = await command.measure([made("A1", error)], None)
    ((_, outcome, _),) = report.rows
    assert not outcome.met
    assert outcome.now.startswith(f"could not be measured: {type(error).__name__}")


def test_a_gateway_is_attacked_and_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    before = children()
    assert command.main(["--only", "S7"]) == 0
    assert "| S7 |" in capsys.readouterr().out
    assert children() == before


def test_an_attack_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--only", "L1,X9"])
    assert "no such attack: X9" in capsys.readouterr().err
