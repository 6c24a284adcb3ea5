"""What is learnt from which attempt: one table, role by outcome by learner.

An attempt is observed by several learners, and each has its own idea of what an attempt proves.
Read a row as: an attempt in one of these roles, that ended this way, teaches

- `health`: whether its endpoint is well (`+`), fails (`-`), or nothing (blank);
- `first token`: `=` its time to a useful answer, `>` that it takes longer than it lasted;
- `outcomes`: a success, a failure or nothing, for reliability in the score;
- `books`: how well its cost is known;
- `cancelled`: whether the time until it was gone is measured;
- `extra`: whether it counts as extra load.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.cards import ModelCard, Price, Rates
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Usage
from omen.core.plan import Plan, Role
from omen.core.prompt_size import PromptSize
from omen.core.records import AttemptRecord, CutReason, Moment, Outcome, RaceRecord
from omen.ledger.entries import entry_of
from omen.routing import FirstTokens, Health, Outcomes
from omen.telemetry import CancelTimes, HedgeCounts

PRICE = Price(rates=Rates(input=Decimal(1), output=Decimal(1)))
UP = Candidate(
    "p", "openai", "m", Endpoint("http://p"), "p",
    card=ModelCard(price=PRICE), quirks=Quirks(cancel_stops_billing=True),
)  # fmt: skip
OTHER = Candidate("q", "openai", "m", Endpoint("http://q"), "q")

CHAT: tuple[Role, ...] = ("primary", "entrant", "failover", "hedge", "retry", "draft")
JUDGE: tuple[Role, ...] = ("judge",)
ONE_BODY: tuple[Role, ...] = ("embed",)
COUNT: tuple[Role, ...] = ("count",)


@dataclass(frozen=True)
class Ending:
    """How an attempt went, at which second."""

    outcome: Outcome
    useful: bool = False
    usage: bool = False
    failure: FailureKind | None = None
    upstream_status: int | None = None
    cut: CutReason | None = None


ENDINGS = {
    "won": Ending("won", useful=True, usage=True),
    "lost before its first token": Ending("lost", cut="lost"),
    "lost behind its first token": Ending("lost", useful=True, cut="lost"),
    "its client left": Ending("client_cancelled", cut="client_left"),
    "the deadline passed": Ending("timed_out", cut="max_latency"),
    "refused: busy": Ending("failed", failure=FailureKind.OVERLOADED, upstream_status=503),
    "refused: rate limit": Ending("failed", failure=FailureKind.RATE_LIMIT, upstream_status=429),
    "refused: bad request": Ending(
        "failed", failure=FailureKind.INVALID_REQUEST, upstream_status=400
    ),
    "silent": Ending("timed_out", failure=FailureKind.TIMEOUT),
    "not to be reached": Ending("failed", failure=FailureKind.CONNECTION),
    "never written": Ending("failed", failure=FailureKind.INTERNAL),
    "never started": Ending("denied"),
}

TABLE = [
    # roles     ending                          health first outcomes books        cancelled
    (CHAT, "won", "+", "=", "+", "exact", False),
    (CHAT, "lost before its first token", "", ">", "", "estimated", True),
    (CHAT, "lost behind its first token", "", "=", "", "estimated", True),
    (CHAT, "its client left", "", ">", "", "estimated", True),
    (CHAT, "the deadline passed", "", ">", "", "estimated", True),
    (CHAT, "refused: busy", "-", ">", "-", "estimated", False),
    (CHAT, "refused: rate limit", "", ">", "-", "estimated", False),
    (CHAT, "refused: bad request", "", ">", "", "estimated", False),
    (CHAT, "silent", "-", ">", "-", "at_least", False),
    (CHAT, "not to be reached", "-", ">", "-", "at_least", False),
    (CHAT, "never written", "", ">", "", "exact", False),
    (CHAT, "never started", "", "", "", "exact", False),
    # A judge reads the drafts, too: how long that takes says nothing of a caller's own prompt.
    (JUDGE, "won", "+", "", "+", "exact", False),
    (JUDGE, "its client left", "", "", "", "estimated", True),
    (JUDGE, "silent", "-", "", "-", "at_least", False),
    # Embeddings and counts are other services of the same host.
    (ONE_BODY, "won", "", "", "", "exact", False),
    (ONE_BODY, "refused: busy", "", "", "", "estimated", False),
    (ONE_BODY, "its client left", "", "", "", "estimated", True),
    (ONE_BODY, "silent", "", "", "", "at_least", False),
    (COUNT, "won", "", "", "", "exact", False),
    (COUNT, "refused: busy", "", "", "", "exact", False),
    (COUNT, "its client left", "", "", "", "exact", True),
]
CASES = [(role, *row) for roles, *row in TABLE for role in roles]


def lived(role: Role, how: Ending) -> tuple[RaceRecord, AttemptRecord]:
    """An attempt that started at 0, was useful at 2 if at all, and ended at 5."""
    race = RaceRecord("r", Plan("race", (UP, OTHER)), 0.0)
    record = AttemptRecord(0, UP, 0.0, role, ended_at=5.0, outcome=how.outcome)
    record.measured = role in (*CHAT, *JUDGE)
    record.useful_at = 2.0 if how.useful and record.measured else None
    if how.usage or how.cut or how.failure is FailureKind.TIMEOUT:
        record.responded_at = 1.0
    record.prompt = PromptSize(1, 2, 3)
    record.usage = Usage(2, 3) if how.usage else None
    record.complete = how.outcome == "won"
    record.committed_at = 2.0 if how.outcome == "won" else None
    record.cut, record.cut_at = how.cut, 4.0 if how.cut else None
    record.denied = "no slot" if how.outcome == "denied" else None
    if how.failure is not None:
        status = how.upstream_status
        record.failure = UpstreamFailure(how.failure, "no", upstream_status=status)
    race.attempts.append(record)
    return race, record


def moments(record: AttemptRecord) -> list[Moment]:
    if record.outcome == "denied":
        return ["denied"]
    told: list[Moment] = ["started"]
    if record.useful_at is not None:
        told.append("useful")
    if record.committed_at is not None:
        told.append("committed")
    return [*told, "ended"]


@pytest.mark.parametrize(("role", "ending", "health", "first", "outcomes", "books", "cut"), CASES)
async def test_what_an_attempt_teaches(
    *,
    autojump_clock: MockClock,
    role: Role,
    ending: str,
    health: str,
    first: str,
    outcomes: str,
    books: str,
    cut: bool,
) -> None:
    race, record = lived(role, ENDINGS[ending])
    standing = Health([("p", "http://p")])
    tokens, reliable = FirstTokens(), Outcomes()
    cancelled, hedges = CancelTimes(), HedgeCounts()
    for moment in moments(record):
        for observer in (standing, tokens, reliable, cancelled, hedges):
            observer(moment, race, record)
    (endpoint,) = standing
    survival = tokens.survival(UP)
    breaker = endpoint.breaker
    assert {"+": breaker.last_success_at is not None, "-": breaker.failures == 1}.get(
        health, breaker.last_success_at is None and breaker.failures == 0
    )
    assert survival.count == len(first)
    assert bool(survival.times) == (first == "=")
    assert reliable.reliability("p") == pytest.approx(
        {"+": 200 / 3, "-": 100 / 3}.get(outcomes, 50)
    )
    assert entry_of(race, record).provenance == books
    assert any(times.count for times in cancelled.by_reason().values()) == cut
    assert endpoint.live == 0
    extra = sum(hedges.sent.values()) + sum(hedges.denied.values())
    assert extra == (role in ("hedge", "retry"))
