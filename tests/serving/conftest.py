"""What several of these tests need."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import trio._core._run


@pytest.fixture
def scheduler() -> Iterator[random.Random]:
    """The dice by which trio orders its ready tasks. Seed it, and the order is the seed's."""
    dice = trio._core._run._r
    before = dice.getstate()
    yield dice
    dice.setstate(before)
