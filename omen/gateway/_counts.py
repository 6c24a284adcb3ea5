"""Counts of requests: those that run, and those that ended, by outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """The planned requests, by outcome."""

    live: int = 0
    answered: int = 0
    failed: int = 0
    """The client got an error instead of an answer, or in the middle of one."""
    cancelled: int = 0
    """The client left, or OMEN was stopped."""

    @property
    def total(self) -> int:
        """All requests that began."""
        return self.live + self.answered + self.failed + self.cancelled

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the block as one request: as running inside it, afterwards by its outcome."""
        self.live += 1
        # `trio.Cancelled` is no `Exception`, so a cancelled block leaves this value as it is.
        outcome = "cancelled"
        try:
            yield
            outcome = "answered"
        except Exception:
            outcome = "failed"
            raise
        finally:
            self.live -= 1
            setattr(self, outcome, getattr(self, outcome) + 1)
