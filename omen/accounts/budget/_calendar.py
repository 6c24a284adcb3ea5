"""Months in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def month_of(unix: float) -> str:
    """Return the month of a Unix time, such as `2026-11`."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m")


def current_month() -> str:
    """Return this month, such as `2026-11`."""
    return month_of(datetime.now(UTC).timestamp())
