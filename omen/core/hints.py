"""The caller's hints for its race: the `omen` object, the same for every front end.

None means that the caller did not set the hint; the configured default then applies. Durations are
float seconds here; the wire's `_ms` fields are converted where they enter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

MergeMethod = Literal["synthesize", "vote", "choices"]
Stickiness = Literal["none", "turn", "session"]
ReasoningCounts = bool | Literal["auto"]
"""Whether reasoning counts towards the commit. `auto`: while no other attempt of the race runs, and
for requests that ask for thinking."""


@dataclass(frozen=True, slots=True)
class RaceHints:
    """The validated hints of one request."""

    strategy: str | None = None
    k: int | None = None
    intent: str | None = None
    providers: tuple[str, ...] | None = None
    max_latency: float | None = None
    total_timeout: float | None = None
    min_useful_tokens: int | None = None
    reasoning_counts: ReasoningCounts | None = None
    gate: tuple[str, ...] | None = None
    """Checks of the beginning of an answer: `omen.core.answer_checks`."""
    priority_weights: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    hedge_delay: float | None = None
    budget_usd: Decimal | None = None
    merge_method: MergeMethod | None = None
    judge: str | None = None
    quorum: int | None = None
    vote_risk: float | None = None
    restart: bool = False
    stickiness: Stickiness | None = None
    session: str | None = None
    """The caller's name for its session, from whichever field or header carried it."""
    cache: bool | None = None
    explain: bool = False
    vendor_fields: bool = False
    """Whether the answer may have fields that OpenAI's has not, as the provider wrote them."""
