"""The contest of one run: who runs, who has won, who is kept. Every step is synchronous.

The field has the tasks and the awaits; each of its decisions is one call here, so no task runs
between the parts of a decision. An entrant that would commit in the same tick sees the winner.
"""

from __future__ import annotations

import trio

from omen.core.candidates import Candidate
from omen.core.events import Restart
from omen.core.plan import Attempt, Plan, Role
from omen_strategies.kit.choosing import LastResorts, most_visible
from omen_strategies.kit.entrant import Entrant
from omen_strategies.kit.result import Result
from omen_strategies.kit.spare import Window, choose_spare


class Contest:
    """The entrants of one run of a plan, from their start until their stream is closed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.result = Result()
        self.running: list[Entrant] = []
        self.kept = LastResorts()
        self.spare: Entrant | None = None
        """The runner-up, paused since the commit."""
        self.window: Window | None = None
        """Set while there is a spare."""
        self.is_settled = False
        """Whether no further lane may start."""
        self.changed = trio.Event()
        """Set at the next change. Tasks that wait now wake, and later waits are for later ones."""

    @property
    def competing(self) -> list[Entrant]:
        """The entrants that may still become useful."""
        return self.kept.competing(self.running)

    @property
    def latest(self) -> Entrant | None:
        """The competing entrant that started last."""
        return max(reversed(self.competing), key=lambda entrant: entrant.started_at, default=None)

    def enter(
        self, candidate: Candidate, role: Role, refused: tuple[Candidate, ...] = ()
    ) -> Entrant:
        """Add an entrant. It counts as running from now on."""
        entrant = Entrant(candidate, role, trio.current_time(), refused)
        self.running.append(entrant)
        self.notify()
        return entrant

    def leave(self, entrant: Entrant) -> None:
        """Remove an entrant whose stream has closed."""
        self.running.remove(entrant)
        self.kept.drop(entrant)
        if self.spare is not None and entrant in (self.spare, self.result.winner):
            self.release_spare()

    def commit(self, winner: Entrant, attempt: Attempt) -> None:
        """Record the winner, and cancel every other entrant but the spare, if one is kept."""
        # `attempt.commit` comes first: it raises on a second commit.
        attempt.commit()
        self.result.winner = winner
        self.settle()
        if self._plan.spare is not None:
            self._keep_spare(winner)
        for entrant in self.running:
            if entrant is not winner and entrant is not self.spare:
                _stop(entrant)

    def fall_back(self) -> None:
        """Deliver the first answer that was kept for the last resort, if nobody has won."""
        entrant = self.kept.first
        if entrant is not None and entrant.attempt is not None and self.result.winner is None:
            self.commit(entrant, entrant.attempt)
            entrant.chosen.set()

    def decide_late(self) -> bool:
        """Decide at the deadline; return False if no entrant has anything to send.

        The attempt with the most visible output commits with the events that it has. It is woken
        through the scope around its current `receive`, which loses nothing when it is cancelled.
        """
        best = most_visible(self.running)
        if best is None and self.kept.first is not None:
            self.fall_back()
        elif best is None or best.attempt is None or best.waiting is None:
            # Set before the cancel: a lane that fails while it is being cancelled reads it.
            self.result.late = [entrant.candidate for entrant in self.running]
            return False
        else:
            # First the commit, then the wake-up: the task must see that its entrant has won.
            self.commit(best, best.attempt)
            best.waiting.cancel()
        return True

    def take_over(self) -> bool:
        """Let the spare take the place of the winner; return False if there is none."""
        spare, self.spare, self.window = self.spare, None, None
        if spare is None or spare.attempt is None:
            return False
        spare.attempt.commit(takes_over=True)
        self.result.winner = spare
        spare.prelude.insert(0, Restart())
        spare.chosen.set()
        return True

    def release_spare(self) -> None:
        """Cancel the spare: it is not needed any more."""
        spare, self.spare, self.window = self.spare, None, None
        if spare is not None and spare.attempt is not None:
            spare.attempt.release()
            spare.scope.cancel()

    def settle(self) -> None:
        """Let no further lane start."""
        self.is_settled = True
        self.notify()

    def notify(self) -> None:
        """Wake the tasks that wait for a change."""
        self.changed.set()
        self.changed = trio.Event()

    def _keep_spare(self, winner: Entrant) -> None:
        """Pause the runner-up. It is woken through the scope around its `receive`, and waits."""
        spare = choose_spare(winner, self.running)
        if spare is None or spare.attempt is None or spare.waiting is None:
            return
        assert self._plan.spare is not None
        self.spare, self.window = spare, Window(self._plan.spare, self.release_spare)
        spare.attempt.pause()
        spare.waiting.cancel()


def _stop(loser: Entrant) -> None:
    """Have a loser's task close its stream: by a cancel, or, if it was rejected, as a failure.

    A rejected one waits for `chosen` or has not gone on since its `receive`, so it wakes as soon.
    """
    if loser.attempt is not None and loser.gate.rejection is not None:
        loser.chosen.set()
    else:
        loser.scope.cancel()
