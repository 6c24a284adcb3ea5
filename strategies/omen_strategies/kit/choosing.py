"""Which entrant is chosen if none is useful: the most visible one, or the last resort. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from omen_strategies.kit.entrant import Entrant


@dataclass(slots=True)
class LastResorts:
    """Entrants with an answer that is better than none, in the order in which they were kept.

    One that the checks rejected has something visible, so it goes before one that has ended without
    anything visible.
    """

    _kept: list[Entrant] = field(default_factory=list)

    @property
    def first(self) -> Entrant | None:
        """The entrant whose answer is delivered when no other one commits."""
        rejected = (entrant for entrant in self._kept if entrant.gate.rejection is not None)
        return next(rejected, self._kept[0] if self._kept else None)

    def keep(self, entrant: Entrant) -> None:
        """Keep an entrant with its answer."""
        self._kept.append(entrant)

    def drop(self, entrant: Entrant) -> None:
        """Forget an entrant whose stream has closed, if it was kept."""
        self._kept = [kept for kept in self._kept if kept is not entrant]

    def competing(self, running: Iterable[Entrant]) -> list[Entrant]:
        """Return the entrants that may still become useful."""
        return [entrant for entrant in running if entrant not in self._kept]


def most_visible(running: Iterable[Entrant]) -> Entrant | None:
    """Return the entrant with the most visible output; the better score breaks ties."""
    return max(
        (entrant for entrant in running if entrant.waiting and entrant.gate.visible),
        key=lambda entrant: (entrant.gate.visible, entrant.candidate.score),
        default=None,
    )
