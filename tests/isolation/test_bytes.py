"""One budget of bytes for all requests in flight."""

from __future__ import annotations

from omen.isolation import BytesInFlight

MB = 1024 * 1024


def test_what_needs_more_than_is_left_gets_nothing_and_what_it_held_comes_back() -> None:
    budget = BytesInFlight(8 * MB)
    with budget.hold() as first:
        assert first.grow(5 * MB)
        with budget.hold() as second:
            assert second.grow(1 * MB)
            assert not second.grow(3 * MB)
            assert (budget.used, second.size, budget.refused) == (6 * MB, 1 * MB, 1)
        assert budget.used == 5 * MB
    assert budget.used == 0


def test_an_eighth_is_for_requests_that_need_little() -> None:
    budget = BytesInFlight(8 * MB)
    large, small = budget.hold(), budget.hold()
    assert large.grow(7 * MB)
    assert not large.grow(1)
    assert small.grow(MB // 4)
    assert not small.grow(1)
    large.release()
    assert small.grow(MB)
    small.release()
    small.release()
    assert budget.used == 0
    assert repr(budget) == "<BytesInFlight 0 of 8388608, 2 refused>"
