"""One token bucket of all replicas, each of which has a lease on some of its tokens.

Pure: the caller has the clock. `_scripts.DRAW` is the same in Lua; `tests/state` compares them.

`level` is what the bucket holds, leased tokens included. Only reports change it, and they are
totals, so a repeated, late or lost call counts nothing twice and loses nothing. A lease only
reserves: its tokens leave the bucket when their replica reports that it has taken them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from omen.state.store import MILLIONTHS, BucketReport

KEEP_SECONDS = 3600.0
"""How long the totals of a replica are kept after its lease has ended."""


@dataclass(slots=True)
class Share:
    """The part of one replica."""

    added: int = 0
    taken: int = 0
    leased: int = 0
    lacking: int = 0
    """The tokens that it needed and did not get."""
    until: float = 0.0
    """The end of its lease."""


@dataclass(slots=True)
class TokenBucket:
    """See the module. **Units.** Level in millionths of a token, leases in tokens, seconds."""

    level: int
    shares: dict[str, Share] = field(default_factory=dict)

    def draw(self, by: str, report: BucketReport, lease: float, now: float) -> int:
        """Count a report, and return the number of tokens that its replica has from now on.

        What a replica needs comes first, and what others lack comes before a mere reserve. So no
        token lies idle at one replica while another one is denied a start.
        """
        self._end_leases(now)
        share = self.shares.setdefault(by, Share())
        self.level += max(0, report.added - share.added)
        self.level -= max(0, report.taken - share.taken) * MILLIONTHS
        # Never far below empty: one wrong number must not forbid hedges for a day.
        self.level = max(-report.size, min(report.size, self.level))
        share.added = max(share.added, report.added)
        share.taken = max(share.taken, report.taken)
        others = [other for name, other in self.shares.items() if name != by]
        free = max(0, self.level // MILLIONTHS - sum(other.leased for other in others))
        needed = min(report.needed, free)
        left = free - needed - sum(other.lacking for other in others)
        share.leased = needed + max(0, min(report.wanted - needed, left))
        share.lacking = report.needed - needed
        share.until = now + lease
        return share.leased

    def _end_leases(self, now: float) -> None:
        """End the leases of replicas that do not report: their tokens count as taken.

        They may have been. A replica that comes back reports its total, and only what it has taken
        beyond its lease counts then.
        """
        for name, share in list(self.shares.items()):
            if share.until <= now:
                self.level -= share.leased * MILLIONTHS
                share.taken += share.leased
                share.leased = share.lacking = 0
            if share.until + KEEP_SECONDS <= now:
                del self.shares[name]
