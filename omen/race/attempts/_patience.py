"""The timeouts of one attempt: until its first token, between tokens, and as a whole.

Only generated tokens renew the token timeouts: headers, roles, pings and comments show that the
connection lives, not that an answer is coming. Only time spent *waiting for the upstream* uses them
up. While a slow client holds the winner's task in `send`, OMEN does not read from the upstream, so
the upstream's silence is no evidence against it.

Three bounds, two of which share `_left`:

    first token   `_left` starts as `first_token_timeout`          runs only inside `spend`
    stall         each `renew` sets `_left` to `stall_timeout`     runs only inside `spend`
    whole         `_deadline`, a point in time set at the start    runs always, applies in `spend`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure


class Patience:
    """The rest of the first-token timeout, or after the first token of the stall timeout.

    The candidate's bound on the whole attempt applies as well, from the construction on. If the
    answer is not streamed (not `streams`) it is the only bound: nothing arrives before the end.

    **Units.** Seconds on trio's clock.
    """

    def __init__(self, candidate: Candidate, *, streams: bool = True) -> None:
        first_token_timeout = candidate.first_token_timeout if streams else candidate.timeout
        self._left = first_token_timeout
        self._stall_timeout = candidate.stall_timeout
        self._deadline = trio.current_time() + candidate.timeout
        self._token_message = f"no token within {first_token_timeout:g} s"
        self._whole_message = f"not complete within {candidate.timeout:g} s"

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Bound the wait for the upstream in this block. Nothing else may wait in it.

        **Raises.** `UpstreamFailure` (`TIMEOUT`) when a timeout passes in the block.
        """
        began = trio.current_time()
        try:
            # A relative rest becomes an absolute deadline only here. A deadline kept between two
            # blocks would also count the time in which nothing is read.
            with trio.move_on_at(min(began + self._left, self._deadline)) as scope:
                yield
        finally:
            # Also when the wait is cancelled from outside (the commit deadline wakes a winner): the
            # time was spent waiting, and the next wait must not start with a fresh timeout.
            self._left -= trio.current_time() - began
        # `cancelled_caught`, not `cancel_called`: if data arrived in the tick in which the timeout
        # passed, the block ended normally, and the data must not be thrown away.
        if scope.cancelled_caught:
            # Both bounds may have passed together; the bound of the whole attempt is reported then.
            whole = trio.current_time() >= self._deadline
            message = self._whole_message if whole else self._token_message
            raise UpstreamFailure(FailureKind.TIMEOUT, message)

    def renew(self) -> None:
        """Start the stall timeout anew, because a token was generated."""
        # Call it outside `spend`: the exit of that block would take its wait off the new timeout.
        self._left = self._stall_timeout
        self._token_message = f"stalled for {self._stall_timeout:g} s"
