"""Amounts that are wished for as they are."""

from __future__ import annotations

from omen.state import Offer


def amounts(*each: int) -> list[Offer]:
    return [Offer(amount, amount) for amount in each]
