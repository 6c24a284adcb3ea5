"""What holds for every test."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import trio._core._run
from hypothesis import HealthCheck, settings

# Deadlines are wall-clock time, and the machines are noisy; no test asserts a duration.
settings.register_profile("omen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("omen")


@pytest.fixture
def scheduler() -> Iterator[random.Random]:
    """The dice by which trio orders its ready tasks. Seed it, and the order is the seed's."""
    dice = trio._core._run._r
    before = dice.getstate()
    yield dice
    dice.setstate(before)
