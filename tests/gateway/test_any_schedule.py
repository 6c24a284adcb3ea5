"""What holds for every race: any delays, failures, deadlines, budgets, departures.

Each example is a world of its own over the real wire formats, in virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from math import inf
from random import Random

import pytest
import trio
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.config import Settings
from omen.config.settings import Price, RaceSettings
from omen.core.errors import AllAttemptsFailed, FailureKind
from omen.core.events import AnswerEnd, ChoiceSwitch, Event, Restart, TextDelta
from omen.core.plan import EXTRA_LOAD
from omen.core.records import RaceRecord
from omen.sim import SimulatedUpstream
from omen.sim.faults import (
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    PingsOnly,
    RoleOnly,
    Silence,
    Status,
    Truncated,
    WhitespaceOnly,
)
from tests.world import Received, World, open_world, upstream, whole

pytestmark = pytest.mark.slow

TOKENS = 12
NAMES = ("one", "two", "three")
PRICE = Price(input=Decimal(10), output=Decimal(10))
OUTCOMES = {"won", "lost", "failed", "timed_out", "client_cancelled", "denied"}

FAULTS: list[Fault | None] = [
    *[None] * 12,
    *(Status(1.0, status=status) for status in (500, 429, 400)),
    *(MidstreamError(1.0, after_tokens=tokens) for tokens in (1, 5, 6, 9, TOKENS)),
    *(Truncated(1.0, after_tokens=tokens) for tokens in (1, 5, 7, 11)),
    *(cls(1.0) for cls in (Silence, RoleOnly, PingsOnly, WhitespaceOnly, Empty, ErrorIn200)),
    DeadConnection(1.0),
]


GATES = [("no_regex:one",), ("no_regex:one|two",), ("no_regex:is",), ("no_refusal", "language")]
"""Upstreams begin with their names, so these reject one, two, all and none of them."""


@dataclass(frozen=True)
class Schedule:
    """One example."""

    upstreams: tuple[SimulatedUpstream, ...]
    hints: dict[str, object]
    leaves: float
    """When the client leaves, in seconds."""
    extra_starts: int
    """How many the hedge budget allows."""
    spare_ms: float | None = None
    spare_tokens: int = 32
    is_held: bool = False
    """Whether the client gets the answer as one body."""


def draw_schedule(random: Random) -> Schedule:
    """Draw one, with dice of its own: hypothesis prefers extremes, and then hardly anybody wins.

    Times lie on a grid, so that things happen at the same moment more often than by chance.
    """

    def quarter(most: float) -> float:
        return random.randint(0, int(most * 4)) / 4

    kinds = random.sample(["openai", "anthropic", "ollama"], 3)
    ups = tuple(
        upstream(
            name,
            kind,
            first_token=quarter(2.25),
            gap=random.choice([0.0, 0.05, 0.1]),
            tokens=TOKENS,
            fault=random.choice(FAULTS),
        )
        for name, kind in zip(NAMES, kinds, strict=True)
    )
    rarely = [None] * 4
    budget = random.choice([*rarely, "0.0005", "0.0012", "0.002", "0.004", "0.01"])
    hints: dict[str, object] = {
        "strategy": random.choice(["single", "race", "speculate_k", "parallel_merge"]),
        "k": random.randint(1, 3),
        "hedge_delay": quarter(1.0),
        "max_latency": random.choice([*rarely, 0.25, 1.0, 1.5, 2.0]),
        "total_timeout": random.choice([*rarely, *rarely, 1.0, 2.5]),
        "merge_method": random.choice(["synthesize", "vote", "choices"]),
        "quorum": random.choice([None, 1, 2, 3]),
        "vote_risk": random.choice([None, None, 0.1, 0.5]),
        "restart": random.random() < 0.5,
        "budget_usd": None if budget is None else Decimal(budget),
    }
    leaves = random.choice([inf] * 6 + [0.5, 1.0, 1.75])
    extra_starts = random.randint(0, 2)
    hints["gate"] = random.choice([None, None, *GATES])
    spare_ms = random.choice([None, 250.0, 1000.0, 2500.0])
    spare_tokens = random.choice([1, 8, 32])
    is_held = random.random() < 0.7
    return Schedule(ups, hints, leaves, extra_starts, spare_ms, spare_tokens, is_held)


def draw_rescue(random: Random) -> Schedule:
    """Draw one in which the runner-up is kept, and whoever is the fastest breaks or pauses."""
    drawn = draw_schedule(random)
    fault = random.choice(
        [
            None,
            MidstreamError(1.0, after_tokens=random.randint(4, TOKENS)),
            Truncated(1.0, after_tokens=random.randint(4, TOKENS)),
        ]
    )
    gap = random.choice([0.05, 0.1, 0.5, 2.0])
    first = upstream("one", "openai", first_token=0.25, gap=gap, tokens=TOKENS, fault=fault)
    others = (
        upstream(
            name,
            kind,
            first_token=random.choice([0.25, 0.3, 0.35, 0.5]),
            gap=random.choice([0.05, 0.1]),
            tokens=TOKENS,
            fault=random.choice([*[None] * 3, *FAULTS]),
        )
        for name, kind in (("two", "anthropic"), ("three", "ollama"))
    )
    hints = drawn.hints | {
        "strategy": random.choice(["race", "speculate_k"]),
        "k": random.randint(2, 3),
        "hedge_delay": random.choice([0.0, 0.25]),
        "budget_usd": None,
    }
    return replace(
        drawn,
        upstreams=(first, *others),
        hints=hints,
        extra_starts=2,
        spare_ms=random.choice([250.0, 1000.0, 2500.0]),
        is_held=True,
    )


def transcripts(received: Received) -> list[str]:
    """What the client got, as texts of which each must be one provider's; several by choices."""
    texts: list[dict[int, str]] = [{}]
    choice = 0
    for _, said in received.sent:
        match said:
            case Restart():
                texts.append({})
            case ChoiceSwitch(index=choice):
                pass
            case TextDelta(text=text):
                texts[-1][choice] = texts[-1].get(choice, "") + text
    return [text for answer in texts for text in answer.values()]


def ends(events: list[Event]) -> int:
    return sum(isinstance(said, AnswerEnd) for said in events)


async def play(schedule: Schedule) -> None:
    race_settings = RaceSettings(
        max_extra_load=0.5, spare_ms=schedule.spare_ms, spare_tokens=schedule.spare_tokens
    )
    world: World
    async with open_world(
        *schedule.upstreams,
        first_token_timeout=2.0,
        stall_timeout=2.0,
        settings=replace(Settings(), race=race_settings),
        price=PRICE,
    ) as world:
        world.gateway._parts.hedge_budget._tokens = float(schedule.extra_starts)
        race = world.plan(**schedule.hints)
        race.is_held = schedule.is_held
        received = Received(race)
        with trio.move_on_after(schedule.leaves) as client:
            received = await world.run(race, "hello", max_tokens=50, into=received)
        await wait_all_tasks_blocked()
        world.assert_nothing_left()
        check(world, received, schedule, left=client.cancelled_caught)


def check(world: World, received: Received, schedule: Schedule, *, left: bool) -> None:
    race = received.race
    told(race)
    # The transcript is a prefix of one attempt's, whole if it ended.
    wholes = [whole(name, TOKENS) for name in NAMES]
    for text in transcripts(received):
        assert any(answer.startswith(text) for answer in wholes), text
    events = [said for _, said in received.sent]
    # It ends once, properly or in an error, unless the client has left.
    assert left or ends(events) + (received.error is not None) == 1
    assert ends(events) <= 1
    if ends(events):
        assert transcripts(received)[-1] in wholes
    # Two never commit, unless each commits to a choice of its own, or the first one died.
    committed = [a for a in race.attempts if a.committed_at is not None]
    if not any(a.shared for a in committed):
        assert len(committed) <= 1 + race.restarts + race.rescues
        assert [a.outcome for a in race.attempts].count("won") <= 1
    # A spare takes over only where the client has seen nothing.
    assert race.rescues == 0 or (schedule.is_held and schedule.spare_ms is not None)
    # One row for every attempt, with one outcome, and nothing open.
    rows = [attempt for of, attempt in world.rows if of is race]
    assert sorted(rows, key=id) == sorted(race.attempts, key=id)
    assert {row.outcome for row in rows} <= OUTCOMES
    assert all(row.ended_at is not None for row in rows)
    extra = [row for row in rows if row.outcome != "denied" and row.role in EXTRA_LOAD]
    assert len(extra) <= schedule.extra_starts  # and half a token, from the request itself
    spends_no_more_than_it_may(received, schedule)
    # A rejected answer is better than none.
    if isinstance(received.error, AllAttemptsFailed):
        assert FailureKind.REJECTED not in {one.failure.kind for one in received.error.attempts}


def told(race: RaceRecord) -> None:
    """Let `--hypothesis-show-statistics` say whether the examples are worth their time."""
    event(f"strategy {race.plan.strategy}")
    event(f"winner {race.winner is not None}, restarts {race.restarts}, rescues {race.rescues}")
    for attempt in race.attempts:
        if attempt.failure is not None and attempt.failure.kind is FailureKind.REJECTED:
            event("rejected")
        event(f"{attempt.role} {attempt.outcome}")


def spends_no_more_than_it_may(received: Received, schedule: Schedule) -> None:
    budget = schedule.hints["budget_usd"]
    if isinstance(budget, Decimal):
        assert (received.race.cost_usd or Decimal(0)) <= budget


@settings(max_examples=1000)
@given(st.integers(0, 2**32))
def test_it_holds_for_every_schedule(seed: int) -> None:
    schedule = draw_schedule(Random(seed))
    note(str(schedule))
    trio.run(play, schedule, clock=MockClock(autojump_threshold=0))


@settings(max_examples=1000)
@given(st.integers(0, 2**32))
def test_it_holds_where_the_runner_up_is_kept(seed: int) -> None:
    schedule = draw_rescue(Random(seed))
    note(str(schedule))
    trio.run(play, schedule, clock=MockClock(autojump_threshold=0))
