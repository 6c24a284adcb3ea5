"""The failures of late, for operators: what failed where, how often, and when last.

Equal failures are one entry, so that a thousand of one provider do not hide a single one of
another. An entry has the kind of the failure and never an upstream's words, which may quote a
prompt.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from omen.core.errors import UpstreamFailure
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.ledger.entries import reason_of

MOST = 40
"""The number of entries that are kept: those that happened last."""
_FAILED = frozenset({"failed", "timed_out"})
_Key = tuple[str, str, str, int | None]


@dataclass(slots=True)
class RecentFailure:
    """Equal failures. `race_id` and `request_id` are those of the last one."""

    provider: str
    model: str
    reason: str
    """The kind of the failure, or the deadline that ended the attempt."""
    upstream_status: int | None
    failure: UpstreamFailure | None
    """The last one; None for a deadline of OMEN's own."""
    race_id: str
    request_id: str
    at_unix: float
    count: int = 0


class RecentFailures:
    """An observer that keeps the latest failures of attempts. A model named by a caller counts."""

    moments = frozenset({"ended"})

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: OrderedDict[_Key, RecentFailure] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RecentFailures {len(self._entries)} of {self._most}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Note an attempt that has failed or timed out."""
        if moment != "ended" or attempt.outcome not in _FAILED:
            return
        failure = attempt.failure
        status = None if failure is None else failure.upstream_status
        candidate, reason = attempt.candidate, reason_of(attempt) or "unknown"
        key = candidate.provider, candidate.model, reason, status
        before = self._entries.pop(key, None)
        self._entries[key] = RecentFailure(
            *key,
            failure=failure,
            race_id=race.race_id,
            request_id=race.request_id,
            at_unix=time.time(),
            count=1 if before is None else before.count + 1,
        )
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def __iter__(self) -> Iterator[RecentFailure]:
        """Yield the entries, the latest first."""
        return reversed(self._entries.values())
