"""Entries of the ledger: one plain row per attempt, without prompt and answer.

A row is written when an attempt has ended, or was denied. The ledger stores it, an export contains
it, and a replay reads it. **Units.** Seconds from the request's acceptance, US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from omen.core.records import AttemptRecord, RaceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt. A field is None if its event did not happen, or if its value is not known."""

    race_id: str
    request_id: str
    accepted_unix: float
    """When the request was accepted, in Unix time."""
    strategy: str
    index: int
    role: str
    provider: str
    kind: str
    model: str
    domain: str
    outcome: str
    reason: str | None
    """The kind of the failure, or why the attempt was denied or stopped."""
    started: float
    first_token: float | None
    committed: float | None
    useful: bool
    """Whether it committed because it was useful, and not because a deadline passed."""
    ended: float
    tokens: int
    """Generated tokens that arrived."""
    prompt_tokens: int | None
    """Tokens of the prompt that are in the cost: as reported, else as estimated."""
    cost_usd: str | None
    """The cost with all known digits. It is text, because a binary fraction is not exact."""
    provenance: str
    key_id: str | None = None
    """The caller's key."""
    project: str | None = None
    """The caller's `tags.project`."""
    intent: str | None = None
    completion_tokens: int | None = None
    """As reported; without a report the tokens that arrived and an estimate of hidden thought, if
    there was any."""
    cached_tokens: int | None = None
    """The tokens of the prompt that the provider read from its own cache."""
    from_cache: bool = False
    """Whether the answer came from OMEN's cache, without a call of a provider."""
    useful_at: float | None = None
    """When the answer was useful by the configured threshold; see `AttemptRecord`. None also for an
    attempt that was not measured."""
    measured: bool = False
    """Whether the attempt's events were measured for `useful_at`."""

    @property
    def id(self) -> str:
        """The unique id of the row."""
        return f"{self.race_id}:{self.index}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @property
    def cost(self) -> Decimal | None:
        """The cost as a number."""
        return None if self.cost_usd is None else Decimal(self.cost_usd)


_FIELDS = frozenset(field.name for field in fields(Entry))


def entry_of(race: RaceRecord, attempt: AttemptRecord) -> Entry:
    """Return the row of an attempt that has ended or was denied."""
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
        reason=reason_of(attempt),
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
        completion_tokens=_completion_tokens(attempt),
        cached_tokens=None if usage is None else usage.prompt_details.get("cached_tokens"),
        from_cache=race.cached,
        useful_at=None if attempt.useful_at is None else _since(start, attempt.useful_at),
        measured=attempt.measured,
    )


def read_entry(row: Mapping[str, Any]) -> Entry:
    """Return the entry of a row from `to_json`. Unknown keys, of a later version, are ignored.

    **Raises.** `TypeError` if a field is missing.
    """
    return Entry(**{name: value for name, value in row.items() if name in _FIELDS})


def _completion_tokens(attempt: AttemptRecord) -> int | None:
    if attempt.usage is not None:
        return attempt.usage.completion_tokens
    return attempt.tokens + attempt.hidden_tokens if attempt.hidden_tokens else None


def reason_of(attempt: AttemptRecord) -> str | None:
    """Return the kind of a failure, or why the attempt was denied or stopped; None if it won."""
    if attempt.failure is not None:
        return attempt.failure.kind.value
    return attempt.denied or attempt.cut


def _since(start: float, then: float) -> float:
    return round(then - start, 6)
