"""Entries of the books: one plain row per attempt, with no prompt and no answer in it.

A row is written when an attempt has ended, or was denied; it is what a ledger keeps, what an export
holds, and what a replay reads. **Units.** Seconds from the request's acceptance, US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from omen.core.records import AttemptRecord, RaceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt. What is None did not happen, or is not known."""

    race_id: str
    request_id: str
    accepted_unix: float
    """When its request was accepted, in Unix time."""
    strategy: str
    index: int
    role: str
    provider: str
    kind: str
    model: str
    domain: str
    outcome: str
    reason: str | None
    """What kind of failure it was, or why it was denied or cut off."""
    started: float
    first_token: float | None
    committed: float | None
    useful: bool
    """Whether it committed because it was useful, not because a deadline had passed."""
    ended: float
    tokens: int
    """Generated tokens seen."""
    prompt_tokens: int | None
    """Tokens of the prompt that are in the cost: as reported, else as estimated."""
    cost_usd: str | None
    """As exact as it is known; text, because a binary fraction is not."""
    provenance: str
    key_id: str | None = None
    """Whose key asked."""
    project: str | None = None
    """What the caller books it under: its `tags.project`."""
    intent: str | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the prompt's tokens, those that the provider read from its own cache."""
    from_cache: bool = False
    """Whether the answer came from OMEN's cache, and nobody was asked."""
    useful_at: float | None = None
    """When its answer was useful by the configured threshold; see `AttemptRecord`. None also for a
    row of an attempt that nobody measured."""
    measured: bool = False
    """Whether its events were watched for that."""

    @property
    def id(self) -> str:
        """What no other row has."""
        return f"{self.race_id}:{self.index}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as they are named."""
        return asdict(self)

    @property
    def cost(self) -> Decimal | None:
        """What it cost."""
        return None if self.cost_usd is None else Decimal(self.cost_usd)


_FIELDS = frozenset(field.name for field in fields(Entry))


def entry_of(race: RaceRecord, attempt: AttemptRecord) -> Entry:
    """Write the row of an attempt that has ended or was denied."""
    assert attempt.ended_at is not None
    candidate, cost, start = attempt.candidate, attempt.cost, race.accepted_at
    usage = attempt.usage
    committed = attempt.committed_at
    return Entry(
        race_id=race.race_id,
        request_id=race.request_id,
        accepted_unix=round(race.accepted_unix, 6),
        strategy=race.plan.strategy,
        index=attempt.index,
        role=attempt.role,
        provider=candidate.provider,
        kind=candidate.kind,
        model=candidate.model,
        domain=candidate.domain,
        outcome=attempt.outcome,
        reason=_reason(attempt),
        started=_since(start, attempt.started_at),
        first_token=None
        if attempt.first_token_at is None
        else _since(start, attempt.first_token_at),
        committed=None if committed is None else _since(start, committed),
        useful=committed is not None and committed < race.plan.commit_deadline,
        ended=_since(start, attempt.ended_at),
        tokens=attempt.tokens,
        prompt_tokens=cost.prompt_tokens,
        cost_usd=None if cost.usd is None else f"{cost.usd.normalize():f}",
        provenance=cost.provenance,
        key_id=race.caller.key_id,
        project=race.project,
        intent=race.plan.intent,
        completion_tokens=None if usage is None else usage.completion_tokens,
        cached_tokens=None if usage is None else usage.prompt_details.get("cached_tokens"),
        from_cache=race.cached,
        useful_at=None if attempt.useful_at is None else _since(start, attempt.useful_at),
        measured=attempt.measured,
    )


def read_entry(row: Mapping[str, Any]) -> Entry:
    """Read a row again; keys that are not known are of a later version, and left out.

    **Raises.** `TypeError` when a field is missing.
    """
    return Entry(**{name: value for name, value in row.items() if name in _FIELDS})


def _reason(attempt: AttemptRecord) -> str | None:
    if attempt.failure is not None:
        return attempt.failure.kind.value
    return attempt.denied or attempt.cut


def _since(start: float, then: float) -> float:
    return round(then - start, 6)
