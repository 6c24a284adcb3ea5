"""Requests that show something, and what came of them: real gateway, simulated upstreams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio
from trio.testing import MockClock

from omen.core.records import AttemptRecord
from omen.sim import SimulatedUpstream
from omen.sim.faults import Status
from tests.world import open_world, upstream


@dataclass(frozen=True)
class Scene:
    """A request to some upstreams. `title` says what is to be seen."""

    title: str
    upstreams: tuple[SimulatedUpstream, ...]
    hints: dict[str, Any]
    model: str


@dataclass(frozen=True)
class Lane:
    """One attempt. Times are seconds since the request was accepted."""

    name: str
    role: str
    outcome: str
    started: float
    first_token: float | None
    committed: float | None
    last_token: float
    """When its last token came; the end of an attempt that was cut, or had none."""
    reason: str


@dataclass(frozen=True)
class Played:
    """A request that has been answered. `words` are those of the answer, with their times."""

    title: str
    lanes: tuple[Lane, ...]
    committed: float
    ended: float
    words: tuple[tuple[float, str], ...]


RACE = Scene(
    "A race: the first useful stream wins, the others are cancelled at that moment",
    (
        upstream("ollama", "ollama", first_token=0.21, gap=0.025, tokens=48),
        upstream("openai", "openai", first_token=0.36, gap=0.02, tokens=48),
        upstream("anthropic", "anthropic", fault=Status(1.0, 503)),
        upstream("azure", "openai", first_token=0.47, gap=0.02, tokens=48),
    ),
    {"strategy": "race", "k": 3, "min_useful_tokens": 5},
    "ollama/m,openai/m,anthropic/m,azure/m",
)
HEDGE = Scene(
    "A hedge: a second attempt starts because the first one is slower than usual",
    (
        upstream("openai", "openai", first_token=3.2, gap=0.02, tokens=40),
        upstream("anthropic", "anthropic", first_token=0.4, gap=0.025, tokens=40),
    ),
    {"strategy": "speculate_k", "k": 2, "hedge_delay": 0.8},
    "openai/m,anthropic/m",
)
MERGE = Scene(
    "A merge: three drafts, and a judge that makes one answer of them",
    (
        upstream("openai", "openai", first_token=0.35, gap=0.015, tokens=40),
        upstream("anthropic", "anthropic", first_token=0.5, gap=0.015, tokens=40),
        upstream("ollama", "ollama", first_token=0.2, gap=0.025, tokens=40),
    ),
    {"strategy": "parallel_merge", "k": 3, "merge_method": "synthesize", "judge": "openai/m"},
    "openai/m,anthropic/m,ollama/m",
)


def play(scene: Scene) -> Played:
    """Run a scene in virtual time."""
    return trio.run(_play, scene, clock=MockClock(autojump_threshold=0))


async def _play(scene: Scene) -> Played:
    async with open_world(*scene.upstreams) as world:
        received = await world.ask("Why is the sky blue?", model=scene.model, **scene.hints)
        assert received.error is None, received.error
    race, accepted = received.race, received.race.accepted_at
    order = [one.name for one in scene.upstreams]
    # The scheduler chooses which entrant begins first, so the order of records says nothing.
    attempts = sorted(
        race.attempts, key=lambda a: (a.role == "judge", order.index(a.candidate.provider))
    )
    assert race.winner is not None
    assert race.winner.committed_at is not None
    return Played(
        scene.title,
        tuple(_lane(attempt, accepted) for attempt in attempts),
        race.winner.committed_at - accepted,
        max(attempt.ended_at or 0.0 for attempt in attempts) - accepted,
        tuple(
            (at - accepted, text)
            for at, event in received.sent
            if (text := getattr(event, "text", ""))
        ),
    )


def _lane(attempt: AttemptRecord, accepted: float) -> Lane:
    def since(at: float | None) -> float | None:
        return None if at is None else round(at - accepted, 6)

    last = attempt.ended_at
    if attempt.complete and attempt.gaps is not None and attempt.first_token_at is not None:
        last = attempt.first_token_at + attempt.gaps.total
    failure = attempt.failure
    status = failure.upstream_status if failure else None
    return Lane(
        name=attempt.candidate.provider,
        role=attempt.role,
        outcome=attempt.outcome,
        started=since(attempt.started_at) or 0.0,
        first_token=since(attempt.first_token_at),
        committed=since(attempt.committed_at),
        last_token=since(last) or 0.0,
        reason="" if failure is None else str(status or failure.kind.value),
    )
