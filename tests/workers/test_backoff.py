"""The pauses before a worker starts again."""

from __future__ import annotations

from omen.gateway.workers._backoff import Backoff


def test_pauses_double_to_half_a_minute_and_begin_again_after_a_minute_of_life() -> None:
    backoff = Backoff()
    pauses = [backoff.after(1.0) for _ in range(11)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert [backoff.after(59.9), backoff.after(60.0), backoff.after(0.0)] == [30.0, 0.1, 0.2]
