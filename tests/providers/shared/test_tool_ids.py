"""Ids of tool calls that every vendor takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omen.providers.shared.tool_ids import made_id, strict_id
from tests.providers.patience import patient


@patient
@given(st.text())
def test_a_strict_id_has_only_letters_digits_underscore_and_hyphen(tool_id: str) -> None:
    rewritten = strict_id(tool_id)
    assert rewritten
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in rewritten)
    assert strict_id(rewritten) == rewritten


@patient
@given(st.lists(st.text("ab:|._-é", max_size=5), unique=True))
def test_different_ids_stay_different(tool_ids: list[str]) -> None:
    assert len({strict_id(tool_id) for tool_id in tool_ids}) == len(tool_ids)


def test_made_ids_are_strict_and_never_the_same() -> None:
    made = {made_id() for _ in range(100)}
    assert len(made) == 100
    assert {strict_id(tool_id) for tool_id in made} == made
