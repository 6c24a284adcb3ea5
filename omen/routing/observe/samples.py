"""Which samples of the time to the first token an attempt gives, and when. Pure.

A sample is the time from an attempt's start until its answer is useful by the *configured*
threshold. The caller's own threshold does not matter, nor does a commit: a draft commits only when
it is chosen. An attempt that ended earlier, for any reason, would have taken longer than its age,
so it gives a censored sample. So does a quick failure. That is harmless: it leaves the estimate
before the first observed time, so it changes nothing. Attempts that are no chats give no sample,
and neither does a judge, because its prompt is another one. See
docs/decisions/2026-11-30-what-counts-as-a-sample.md.
"""

from __future__ import annotations

from typing import Literal

from omen.core.plan import Role
from omen.core.records import NO_CHAT, AttemptRecord, Moment, RaceRecord

_OTHER_QUESTIONS: frozenset[Role] = NO_CHAT | {"judge"}
"""Roles whose request is not the caller's chat."""


def sample_of(
    moment: Moment, race: RaceRecord, attempt: AttemptRecord
) -> tuple[float, bool] | None:
    """Return the sample of this moment as (seconds, observed); not observed means censored.

    An attempt gives at most one sample.
    """
    if attempt.role in _OTHER_QUESTIONS:
        return None
    if attempt.measured:
        return _measured_sample(moment, attempt)
    if moment == "committed" and attempt.committed_at is not None:
        useful_at = _useful_commit(race, attempt)
        return attempt.committed_at - attempt.started_at, useful_at is not None
    if moment == "ended" and attempt.committed_at is None and attempt.ended_at is not None:
        return attempt.ended_at - attempt.started_at, False
    return None


def sample_by_prompt_cache(
    moment: Moment, race: RaceRecord, attempt: AttemptRecord
) -> tuple[Literal["hit", "miss"], float] | None:
    """Return a sample of the provider's prompt cache, once the attempt's usage is known.

    None if the provider does not report the cache, or the answer never became useful.
    """
    if moment != "ended" or attempt.usage is None or attempt.role in _OTHER_QUESTIONS:
        return None
    cached = attempt.usage.prompt_details.get("cached_tokens")
    useful_at = attempt.useful_at if attempt.measured else _useful_commit(race, attempt)
    if cached is None or useful_at is None:
        return None
    return "hit" if cached > 0 else "miss", useful_at - attempt.started_at


def _measured_sample(moment: Moment, attempt: AttemptRecord) -> tuple[float, bool] | None:
    if moment == "useful" and attempt.useful_at is not None:
        return attempt.useful_at - attempt.started_at, True
    if moment == "ended" and attempt.useful_at is None and attempt.ended_at is not None:
        # After the commit a slow client may hold the attempt up for any time. The provider is not
        # responsible for that time, so it does not count.
        until = attempt.ended_at if attempt.committed_at is None else attempt.committed_at
        if attempt.paused_at is not None:
            until = attempt.paused_at  # nothing was read from then on
        return until - attempt.started_at, False
    return None


def _useful_commit(race: RaceRecord, attempt: AttemptRecord) -> float | None:
    """Return the time at which an unmeasured attempt committed, if it was useful then.

    At the deadline the attempt with the most visible output commits, whether useful or not.
    """
    committed = attempt.committed_at
    is_forced = committed is not None and committed >= race.plan.commit_deadline
    return None if is_forced else committed
