"""The timeouts of one attempt: until its first token, between tokens, while it works, as a whole.

Only generated tokens renew the token timeouts: headers, roles, pings and comments show that the
connection lives, not that an answer is coming. Only time spent *waiting for the upstream* uses them
up. While a slow client holds the winner's task in `send`, OMEN does not read from the upstream, so
the upstream's silence is no evidence against it.

An upstream that has announced work (it thinks, it searches, it writes a tool's arguments) is silent
for minutes and well. While it works, the working timeout applies instead of the two others.

Four bounds. Each of the first three runs only inside the block:

    first token   `_limit` at the start      against `_idle`     the wait since the latest token or
    stall         `_limit` after a token     against `_idle`     the latest end of announced work
    working       `_working_timeout`         against `_silent`   the wait since the latest token
    whole         `_deadline`, a point in time set at the start  runs always, applies in it

The working timeout bounds the silence also where work begins and ends again and again, so that no
sequence of announcements holds an attempt for ever.
"""

from __future__ import annotations

from types import TracebackType

import trio

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure


class Patience:
    """The rest of the timeout that applies now; see the table above.

    `with patience:` bounds the wait for the upstream in its block. Nothing else may wait in it. At
    the end of the block `UpstreamFailure` (`TIMEOUT`) is raised if a timeout has passed in it.

    The candidate's bound on the whole attempt applies as well, from the construction on. If the
    answer is not streamed (not `streams`) it is the only bound: nothing arrives before the end.

    **Units.** Seconds on trio's clock.
    """

    def __init__(self, candidate: Candidate, *, streams: bool = True) -> None:
        first_token_timeout = candidate.first_token_timeout if streams else candidate.timeout
        self._limit = first_token_timeout
        self._stall_timeout = candidate.stall_timeout
        self._working_timeout = candidate.working_timeout
        self._longest = max(self._working_timeout, self._limit)
        """Seconds that an upstream may be silent although it has announced work."""
        self._idle = 0.0
        self._silent = 0.0
        self._is_working = False
        self._deadline = trio.current_time() + candidate.timeout
        self._token_message = f"no token within {first_token_timeout:g} s"
        self._stall_message = f"stalled for {self._stall_timeout:g} s"
        self._whole_message = f"not complete within {candidate.timeout:g} s"

    def __enter__(self) -> None:
        self._began = now = trio.current_time()
        left, silence_left = self._limit - self._idle, self._longest - self._silent
        # Announced work extends the wait; a working timeout that is shorter does not cut it.
        self._waits_for_work = self._is_working or left > silence_left
        # A relative rest becomes an absolute deadline only here. A deadline kept between two waits
        # would also count the time in which nothing is read.
        deadline = now + (silence_left if self._waits_for_work else left)
        self._scope = trio.CancelScope(deadline=min(deadline, self._deadline))
        self._scope.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        swallowed = self._scope.__exit__(kind, error, trace)
        # Also when the wait is cancelled from outside (the commit deadline wakes a winner): the
        # time was spent waiting, and the next wait must not start with a fresh timeout.
        waited = trio.current_time() - self._began
        self._idle += waited
        self._silent += waited
        # `cancelled_caught`, not `cancel_called`: if data arrived in the tick in which the timeout
        # passed, the block ended normally, and the data must not be thrown away.
        if self._scope.cancelled_caught:
            raise UpstreamFailure(FailureKind.TIMEOUT, self._message()) from None
        return swallowed

    def _message(self) -> str:
        # Both bounds may have passed together; the bound of the whole attempt is reported then.
        if trio.current_time() >= self._deadline:
            return self._whole_message
        if self._waits_for_work:
            return f"no token within {self._longest:g} s, although it announced work"
        return self._token_message

    def renew(self) -> None:
        """Start the stall timeout anew, because a token was generated."""
        # Call it outside the block, whose end would take its wait off the new timeout.
        self._idle = self._silent = 0.0
        self._limit = self._stall_timeout
        self._longest = max(self._working_timeout, self._limit)
        self._token_message = self._stall_message

    def set_working(self, is_working: bool) -> None:
        """Record whether announced work is under way. Its end begins a new wait for a token."""
        if self._is_working and not is_working:
            self.extend()
        self._is_working = is_working

    def extend(self) -> None:
        """Begin a new wait for a token, within the working timeout."""
        self._idle = 0.0
