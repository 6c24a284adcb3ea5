"""The cost of an answer: exact numbers, as the vendors bill them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.cards import Price, Rates
from omen.core.events import Usage

GPT = Price(
    rates=Rates(
        input=Decimal(2),
        cached_input=Decimal("0.2"),
        cache_write=Decimal("2.5"),
        output=Decimal(10),
    ),
    long_above=272_000,
    long_rates=Rates(input=Decimal(4), cached_input=Decimal("0.4"), output=Decimal(15)),
)
CLAUDE = Price(
    rates=Rates(
        input=Decimal(4),
        cached_input=Decimal("0.2"),
        cache_write=Decimal(5),
        cache_write_1h=Decimal(8),
        output=Decimal(20),
    )
)


def usage(prompt: int, completion: int, read: int = 0, written: int = 0, kept: int = 0) -> Usage:
    details = {"cached_tokens": read, "cache_write_tokens": written}
    return Usage(prompt, completion, details, cache_write_1h_tokens=kept)


@pytest.mark.parametrize(
    ("price", "used", "dollars"),
    [
        (GPT, usage(1_000_000 // 4, 0), "0.5"),
        (GPT, usage(1000, 500), "0.007"),
        # cached and written tokens are part of the prompt
        (GPT, usage(1000, 0, read=600, written=100), "0.00097"),
        # at the threshold it is not long yet; above it the whole request is
        (GPT, usage(272_000, 1000), "0.554"),
        (GPT, usage(272_001, 1000), "1.103004"),
        (GPT, usage(300_000, 0, read=100_000), "0.84"),
        # a long prompt has no rate of its own for writing: as for reading it anew
        (GPT, usage(300_000, 0, written=100_000), "1.2"),
        (CLAUDE, usage(10_000, 100, read=6000, written=3000, kept=1000), "0.0252"),
        (CLAUDE, usage(3000, 0, written=3000, kept=3000), "0.024"),
    ],
)
def test_the_bill_is_exact(price: Price, used: Usage, dollars: str) -> None:
    assert price.cost(used) == Decimal(dollars)


def test_reasoning_is_part_of_what_was_generated_and_not_billed_again() -> None:
    used = Usage(0, 1000, completion_details={"reasoning_tokens": 900})
    assert GPT.cost(used) == Decimal("0.01")


def test_the_providers_own_bill_is_believed() -> None:
    assert GPT.cost(Usage(1000, 1000, billed_usd=Decimal("0.00421"))) == Decimal("0.00421")


COUNTS = st.integers(0, 2_000_000)


@given(fresh=COUNTS, read=COUNTS, written=COUNTS, out=COUNTS, kept=COUNTS)
def test_the_parts_add_up_and_none_is_free(
    fresh: int, read: int, written: int, out: int, kept: int
) -> None:
    kept = min(kept, written)
    used = usage(fresh + read + written, out, read, written, kept)
    expected = (
        fresh * Decimal(4)
        + read * Decimal("0.2")
        + (written - kept) * Decimal(5)
        + kept * Decimal(8)
        + out * Decimal(20)
    ) / 1_000_000
    assert CLAUDE.cost(used) == expected
