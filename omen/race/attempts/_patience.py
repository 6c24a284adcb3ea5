"""How long an attempt may go without a token.

Only generated tokens renew patience: headers, roles, pings and comments keep a connection alive,
not an answer. And only time spent *waiting for the upstream* uses it up. While a slow client holds
the winner's task in `send`, the upstream is not being read, and its silence says nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure


class Patience:
    """What is left of the first-token timeout and, after the first token, of the stall timeout.

    The candidate's own bound on a whole attempt holds beside them, from now on.

    **Units.** Seconds on trio's clock.
    """

    def __init__(self, candidate: Candidate) -> None:
        self._left = candidate.first_token_timeout
        self._stall_timeout = candidate.stall_timeout
        self._deadline = trio.current_time() + candidate.timeout
        self._words = f"no token within {candidate.first_token_timeout:g} s"
        self._late = f"not complete within {candidate.timeout:g} s"

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Wait for the upstream inside this block.

        **Raises.** `UpstreamFailure` (`TIMEOUT`) when patience runs out in it.
        """
        began = trio.current_time()
        try:
            with trio.move_on_at(min(began + self._left, self._deadline)) as scope:
                yield
        finally:
            self._left -= trio.current_time() - began
        if scope.cancelled_caught:
            late = trio.current_time() >= self._deadline
            raise UpstreamFailure(FailureKind.TIMEOUT, self._late if late else self._words)

    def renew(self) -> None:
        """A token was generated: from here on, the stall timeout holds."""
        self._left = self._stall_timeout
        self._words = f"stalled for {self._stall_timeout:g} s"
