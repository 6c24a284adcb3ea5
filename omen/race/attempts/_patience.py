"""The timeouts of one attempt: until its first token, between tokens, while it works, as a whole.

Only generated tokens renew the token timeouts: headers, roles, pings and comments show that the
connection lives, not that an answer is coming. Only time spent *waiting for the upstream* uses them
up. While a slow client holds the winner's task in `send`, OMEN does not read from the upstream, so
the upstream's silence is no evidence against it.

An upstream that has announced work (it thinks, it searches, it writes a tool's arguments) is silent
for minutes and well. While it works, the working timeout applies instead of the two others.

Four bounds. Each of the first three runs only inside `spend`:

    first token   `_limit` at the start      against `_idle`     the wait since the latest token or
    stall         `_limit` after a token     against `_idle`     the latest end of announced work
    working       `_working_timeout`         against `_silent`   the wait since the latest token
    whole         `_deadline`, a point in time set at the start  runs always, applies in `spend`

The working timeout bounds the silence also where work begins and ends again and again, so that no
sequence of announcements holds an attempt for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure


class Patience:
    """The rest of the timeout that applies now; see the table above.

    The candidate's bound on the whole attempt applies as well, from the construction on. If the
    answer is not streamed (not `streams`) it is the only bound: nothing arrives before the end.

    **Units.** Seconds on trio's clock.
    """

    def __init__(self, candidate: Candidate, *, streams: bool = True) -> None:
        first_token_timeout = candidate.first_token_timeout if streams else candidate.timeout
        self._limit = first_token_timeout
        self._stall_timeout = candidate.stall_timeout
        self._working_timeout = candidate.working_timeout
        self._idle = 0.0
        self._silent = 0.0
        self._is_working = False
        self._deadline = trio.current_time() + candidate.timeout
        self._token_message = f"no token within {first_token_timeout:g} s"
        self._whole_message = f"not complete within {candidate.timeout:g} s"

    def _bound(self) -> tuple[float, str]:
        """Return the wait that is left for the next token, and what is reported when it is over."""
        # Announced work extends the wait; a working timeout that is shorter does not cut it.
        working_timeout = max(self._working_timeout, self._limit)
        left, silence_left = self._limit - self._idle, working_timeout - self._silent
        if left <= silence_left and not self._is_working:
            return left, self._token_message
        return silence_left, f"no token within {working_timeout:g} s, although it announced work"

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Bound the wait for the upstream in this block. Nothing else may wait in it.

        **Raises.** `UpstreamFailure` (`TIMEOUT`) when a timeout passes in the block.
        """
        began = trio.current_time()
        left, token_message = self._bound()
        try:
            # A relative rest becomes an absolute deadline only here. A deadline kept between two
            # blocks would also count the time in which nothing is read.
            with trio.move_on_at(min(began + left, self._deadline)) as scope:
                yield
        finally:
            # Also when the wait is cancelled from outside (the commit deadline wakes a winner): the
            # time was spent waiting, and the next wait must not start with a fresh timeout.
            waited = trio.current_time() - began
            self._idle += waited
            self._silent += waited
        # `cancelled_caught`, not `cancel_called`: if data arrived in the tick in which the timeout
        # passed, the block ended normally, and the data must not be thrown away.
        if scope.cancelled_caught:
            # Both bounds may have passed together; the bound of the whole attempt is reported then.
            whole = trio.current_time() >= self._deadline
            raise UpstreamFailure(
                FailureKind.TIMEOUT, self._whole_message if whole else token_message
            )

    def renew(self) -> None:
        """Start the stall timeout anew, because a token was generated."""
        # Call it outside `spend`: the exit of that block would take its wait off the new timeout.
        self._idle = self._silent = 0.0
        self._limit = self._stall_timeout
        self._token_message = f"stalled for {self._stall_timeout:g} s"

    def set_working(self, is_working: bool) -> None:
        """Record whether announced work is under way. Its end begins a new wait for a token."""
        if self._is_working and not is_working:
            self.extend()
        self._is_working = is_working

    def extend(self) -> None:
        """Begin a new wait for a token, within the working timeout."""
        self._idle = 0.0
