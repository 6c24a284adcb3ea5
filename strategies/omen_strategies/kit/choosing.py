"""Which of several entrants is chosen when none is useful, and which error it is if none can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from omen.core.candidates import Candidate
from omen.core.errors import AllAttemptsFailed, FailedAttempt, MaxLatencyExceeded
from omen_strategies.kit.entrant import Entrant


class LastResorts:
    """Entrants whose answer has ended with nothing visible, in the order in which they ended."""

    def __init__(self) -> None:
        self._kept: list[Entrant] = []

    @property
    def first(self) -> Entrant | None:
        """The one to deliver when nobody commits."""
        return self._kept[0] if self._kept else None

    def keep(self, entrant: Entrant) -> None:
        """Keep an answer."""
        self._kept.append(entrant)

    def drop(self, entrant: Entrant) -> None:
        """Forget an entrant that has ended, if it was kept."""
        self._kept = [one for one in self._kept if one is not entrant]

    def competing(self, running: Iterable[Entrant]) -> list[Entrant]:
        """List those that may still become useful."""
        return [entrant for entrant in running if entrant not in self._kept]


def most_visible(running: Iterable[Entrant]) -> Entrant | None:
    """Return who commits at the deadline: the most visible output, of equals the better score."""
    return max(
        (entrant for entrant in running if entrant.waiting and entrant.gate.visible),
        key=lambda entrant: (entrant.gate.visible, entrant.candidate.score),
        default=None,
    )


def no_winner(
    failed: Sequence[FailedAttempt], too_late: Sequence[Candidate]
) -> AllAttemptsFailed | MaxLatencyExceeded:
    """Make the error of a plan that nobody has won."""
    if too_late:
        # A failed one may have been closing its stream still when the deadline passed.
        has_failed = {attempt.candidate for attempt in failed}
        return MaxLatencyExceeded(failed, [c for c in too_late if c not in has_failed])
    return AllAttemptsFailed(failed)
