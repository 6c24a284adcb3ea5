"""A table in the terminal. Each column is as wide as its widest cell."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()
) -> None:
    """Print rows under a head. `right` lists the columns that are aligned right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def dollars(amount: Decimal) -> str:
    """Return an amount with four decimals, or with as many as its first two digits need."""
    text = f"{amount:.4f}"
    return text if Decimal(text) or not amount else f"{Decimal(f'{amount:.2g}'):f}"
