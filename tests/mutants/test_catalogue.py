"""The list of mutants does not rot, and its runner sees what a change does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.catalogue import Mutant, faults_of, read_mutants
from tests.mutants.run import any_fails, mutated

ONE = Mutant(
    id="one",
    file="thing.py",
    old="return 1",
    new="return 2",
    why="somebody counts on it",
    tests=("test_thing.py::test_it_is_one",),
)


def test_every_mutant_is_of_todays_code_and_names_tests_that_exist() -> None:
    assert faults_of(read_mutants()) == []


def test_there_are_mutants_of_every_kind() -> None:
    mutants = read_mutants()
    assert sum(bool(one.tests) for one in mutants) > 60
    folders = {"/".join(one.file.split("/")[:2]) for one in mutants}
    assert folders >= {
        f"omen/{name}" for name in ("accounts", "cache", "race", "routing", "serving")
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one function and one test."""
    (tmp_path / "thing.py").write_text("def thing() -> int:\n    return 1\n")
    (tmp_path / "test_thing.py").write_text(
        "from thing import thing\n\n\ndef test_it_is_one() -> None:\n    assert thing() == 1\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("mutant", "fault"),
    [
        (replace(ONE, old="return 7"), "0 times"),
        (replace(ONE, old="t"), "times"),
        (replace(ONE, file="gone.py"), "0 times"),
        (replace(ONE, new="return ("), "no Python"),
        (replace(ONE, new="return 1"), "no change"),
        (replace(ONE, tests=("test_thing.py::test_it_is_two",)), "there is no test"),
        (replace(ONE, tests=("test_gone.py",)), "there is no test"),
        (replace(ONE, tests=()), "one of the two"),
        (replace(ONE, equivalent="nothing changes"), "one of the two"),
        (replace(ONE, why=""), "what a user would notice"),
    ],
)
def test_a_list_that_has_rotted_is_a_fault(project: Path, mutant: Mutant, fault: str) -> None:
    assert faults_of([ONE], project) == []
    (found,) = faults_of([mutant], project)
    assert fault in found


def test_two_of_one_name_are_a_fault(project: Path) -> None:
    assert faults_of([ONE, ONE], project) == ["one: the id is there 2 times"]


@pytest.mark.slow
def test_a_test_notices_a_mutant_and_the_copy_is_as_before(project: Path) -> None:
    before = (project / "thing.py").read_text()
    assert not any_fails(ONE.tests, project)
    with mutated(ONE, project):
        assert any_fails(ONE.tests, project)
    assert (project / "thing.py").read_text() == before
    assert not any_fails(ONE.tests, project)
