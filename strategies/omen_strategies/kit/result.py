"""The result of one run of a plan: its winner, its failures, and the error if no attempt won.

The lanes only record what happened. `conclude` turns the record into a return value or an error,
after every lane has ended. Data, and no trio.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from omen.core.candidates import Candidate
from omen.core.errors import AllAttemptsFailed, FailedAttempt, MaxLatencyExceeded, UpstreamFailure
from omen_strategies.kit.entrant import Entrant


@dataclass(slots=True, eq=False)
class Result:
    """The state of one run, from its start to its end."""

    failed: list[FailedAttempt] = field(default_factory=list)
    """Attempts that failed or were denied before any commit, in the order of their failures."""
    winner: Entrant | None = None
    winner_failure: UpstreamFailure | None = None
    """The failure of the winner's stream after its commit."""
    late: list[Candidate] = field(default_factory=list)
    """The running candidates when the commit deadline passed without a winner; else empty."""

    @property
    def is_decided(self) -> bool:
        """Whether an attempt won, or the commit deadline ended the race without a winner."""
        return self.winner is not None or bool(self.late)

    def note_pause_over(self, candidate: Candidate) -> None:
        """Record that the pause of a failed candidate has been waited for already.

        The caller is not asked to wait for it a second time.
        """
        for attempt in self.failed:
            if attempt.candidate == candidate and attempt.failure.retryable:
                attempt.failure.retry_after = 0.0

    def conclude(self) -> Candidate:
        """Return the winner.

        **Raises.** The winner's own failure, `MaxLatencyExceeded`, or `AllAttemptsFailed`.
        """
        if self.winner_failure is not None:
            try:
                raise self.winner_failure
            finally:
                # Its traceback refers to this object. The cycle would keep the whole request in
                # memory until a full collection.
                self.winner_failure = None
        if self.winner is not None:
            return self.winner.candidate
        if self.late:
            # An entrant that had failed counts as running until its stream is closed. If the
            # deadline passed meanwhile it is in both lists; its failure says more.
            failed = {attempt.candidate for attempt in self.failed}
            late = [candidate for candidate in self.late if candidate not in failed]
            raise MaxLatencyExceeded(self.failed, late)
        causes = [attempt.failure for attempt in self.failed]
        cause = ExceptionGroup("every attempt failed", causes) if causes else None
        raise AllAttemptsFailed(self.failed) from cause
