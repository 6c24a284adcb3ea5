"""Why an attempt that did not fail was stopped.

A cancel scope does not say why it was cancelled, so the reason is derived from the race record: the
commits and their times, the deadlines, the client's disconnect. The first matching rule wins. The
order follows causes: after a commit the losers are cancelled at once, so a disconnect or a deadline
that comes later is not what stopped them.

Where several attempts share the answer (`choices`), a commit does not beat other attempts. There an
attempt is stopped by the end of the whole request, or, before it has committed to its part, by the
commit deadline.
"""

from __future__ import annotations

from omen.core.records import AttemptRecord, CutReason, Outcome, RaceRecord


def set_outcome(race: RaceRecord, record: AttemptRecord) -> None:
    """Set the outcome of an attempt that ends now, and the reason if it was cancelled.

    `ended_at` must be set to the current time.
    """
    assert record.ended_at is not None
    if record.complete and (race.winner is record or record.shared):
        record.outcome = "won"
        record.cut_at = None
        return
    record.outcome, record.cut, record.cut_at = _reason(race, record, record.ended_at)


def _reason(
    race: RaceRecord, record: AttemptRecord, now: float
) -> tuple[Outcome, CutReason, float]:
    """Return the outcome, the reason of the cancellation, and when it was decided."""
    plan, winner = race.plan, race.winner
    is_shared = winner is not None and winner.shared
    if (
        winner is not None
        and winner is not record
        and not is_shared
        and winner.committed_at is not None
    ):
        if record.paused_at is not None:
            return "lost", "lost", record.released_at or now  # it was kept as a spare until then
        return "lost", "lost", winner.committed_at
    if race.client_left_at is not None:
        return "client_cancelled", "client_left", race.client_left_at
    deadline = plan.answer_deadline if winner is None else plan.total_deadline
    if now >= deadline:
        return "timed_out", "total_timeout", deadline
    undecided = winner is None or (is_shared and record.committed_at is None)
    if undecided and now >= plan.commit_deadline:
        return "timed_out", "max_latency", plan.commit_deadline
    if record.cut_at is None:
        return "lost", "lost", now  # not cancelled: the strategy left the block without a commit
    # A judge has started: the strategy cancels the drafts that are incomplete at that moment.
    if record.role == "draft" and any(attempt.role == "judge" for attempt in race.attempts):
        return "lost", "lost", record.cut_at
    return "client_cancelled", "shutdown", record.cut_at
