"""How many requests there were, and are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Requests that were planned, by how they ended."""

    live: int = 0
    answered: int = 0
    failed: int = 0
    """An error was told instead of an answer, or in the middle of one."""
    cancelled: int = 0
    """The client left, or OMEN was stopped."""

    @property
    def total(self) -> int:
        """All that were begun."""
        return self.live + self.answered + self.failed + self.cancelled

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count one request, which is the block."""
        self.live += 1
        how = "cancelled"
        try:
            yield
            how = "answered"
        except Exception:
            how = "failed"
            raise
        finally:
            self.live -= 1
            setattr(self, how, getattr(self, how) + 1)
