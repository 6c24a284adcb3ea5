"""Why an attempt that did not fail was stopped.

A cancel scope does not say why it was cancelled, so the reason is derived from the race record: who
has committed and when, which deadlines there were, whether the client had left. The first rule
that matches wins; the rules are in the order in which one of them makes the next one moot.

Where several attempts share the answer (`choices`), a commit beats nobody. There only what ends the
whole request can stop an attempt, or the commit deadline, before it has committed to its part.
"""

from __future__ import annotations

from omen.core.plan import AttemptRecord, CutReason, Outcome, RaceRecord


def set_outcome(race: RaceRecord, record: AttemptRecord) -> None:
    """Set the outcome of an attempt whose `ended_at` is now, and what stopped it, if anything."""
    assert record.ended_at is not None
    if record.complete and (race.winner is record or record.shared):
        record.outcome = "won"
        record.cut_at = None
        return
    record.outcome, record.cut, record.cut_at = _what_cut_it(race, record, record.ended_at)


def _what_cut_it(
    race: RaceRecord, record: AttemptRecord, now: float
) -> tuple[Outcome, CutReason, float]:
    plan, winner = race.plan, race.winner
    is_shared = winner is not None and winner.shared
    if (
        winner is not None
        and winner is not record
        and not is_shared
        and winner.committed_at is not None
    ):
        return "lost", "lost", winner.committed_at
    if race.client_left_at is not None:
        return "client_cancelled", "client_left", race.client_left_at
    if now >= plan.total_deadline:
        return "timed_out", "total_timeout", plan.total_deadline
    undecided = winner is None or (is_shared and record.committed_at is None)
    if undecided and now >= plan.commit_deadline:
        return "timed_out", "max_latency", plan.commit_deadline
    if record.cut_at is None:
        return "lost", "lost", now  # its strategy had read it, and did not want it
    if record.role == "draft" and any(attempt.role == "judge" for attempt in race.attempts):
        return "lost", "lost", record.cut_at
    return "client_cancelled", "shutdown", record.cut_at
