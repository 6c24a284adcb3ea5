"""The books against an invoice: the simulated upstreams keep a bill of their own.

A thousand races of every strategy, with every mishap and with clients that leave; afterwards each
row is looked up on the bill. Nothing of how the upstreams bill is known to the code that books.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from random import Random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.config.settings import Price
from omen.core.candidates import Quirks
from omen.core.cards import Price as CardPrice
from omen.core.cards import Rates
from omen.core.events import Usage
from omen.core.records import AttemptRecord
from omen.sim import LogNormal, Profile, SimulatedUpstream, StreamRecord, key_hash
from omen.sim.distributions import Between
from omen.sim.faults import Fault, MidstreamError, RoleOnly, Silence, Status, Truncated
from tests.world import World, open_world

pytestmark = pytest.mark.slow

PRICE = Price(input=Decimal("2.5"), output=Decimal(10))
RATES = CardPrice(rates=Rates(input=Decimal("2.5"), output=Decimal(10)))
STRATEGIES = ("single", "race", "speculate_k", "parallel_merge")


def fleet(*, in_full: bool) -> list[SimulatedUpstream]:
    faults: tuple[Fault, ...] = (
        Status(0.05, status=500),
        Truncated(0.05, after_tokens=3),
        MidstreamError(0.05, after_tokens=12),
        Silence(0.02),
        RoleOnly(0.02),
    )
    profile = Profile(
        first_token=LogNormal(0.5, 0.6), tokens=Between(1, 60), faults=faults, bills_in_full=in_full
    )
    return [
        SimulatedUpstream(name, kind, profile, models=("m",), seed=seed)
        for seed, (name, kind) in enumerate(
            [("up-openai", "openai"), ("up-anthropic", "anthropic"), ("up-ollama", "ollama")]
        )
    ]


def dollars(stream: StreamRecord) -> Decimal:
    return RATES.cost(Usage(stream.charge.prompt, stream.charge.completion))


def matched(
    world: World, rows: list[tuple[str, AttemptRecord]]
) -> Iterator[tuple[AttemptRecord, Decimal]]:
    """Find each row's line on the bill, by its question and its provider; some have none."""
    bill: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for name, stats in world.stats.items():
        for stream in stats.recent:
            bill[name, stream.key_hash].append(dollars(stream))
    for question, row in sorted(rows, key=lambda one: one[1].started_at):
        lines = bill[row.candidate.provider, key_hash(question)]
        yield row, lines.pop(0) if lines else Decimal(0)
    assert not any(map(sum, bill.values()))  # and every line of the bill is in the books


@pytest.mark.parametrize("in_full", [False, True])
async def test_a_thousand_mixed_races_are_explained_to_the_cent(
    autojump_clock: MockClock, in_full: bool
) -> None:
    random, rows = Random(7), list[tuple[str, AttemptRecord]]()
    stops = Quirks(cancel_stops_billing=not in_full)
    ups = fleet(in_full=in_full)
    questions: dict[str, str] = {}

    async with open_world(*ups, price=PRICE, quirks={up.name: stops for up in ups}) as world:

        async def one(number: int) -> None:
            question = f"question {number}"
            with trio.move_on_after(random.expovariate(0.2)):
                race = world.plan(
                    strategy=random.choice(STRATEGIES),
                    merge_method=random.choice(("vote", "choices")),
                    k=random.choice((2, 3)),
                    hedge_delay=0.5,
                    max_latency=random.choice((None, 1.0, 4.0)),
                )
                questions[race.race_id] = question
                await world.run(race, question)

        async with trio.open_nursery() as nursery:
            for number in range(1000):
                nursery.start_soon(one, number)
        await wait_all_tasks_blocked()
        world.assert_nothing_left()
        rows = [
            (questions[race.race_id], row) for race, row in world.rows if row.outcome != "denied"
        ]
        told = list(matched(world, rows))
    count: Counter[str] = Counter()
    booked: defaultdict[str, Decimal] = defaultdict(Decimal)
    invoiced: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row, billed in told:
        cost = row.cost
        assert cost.usd is not None
        count[cost.provenance] += 1
        booked[cost.provenance] += cost.usd
        invoiced[cost.provenance] += billed
        if cost.provenance == "exact":
            assert cost.usd == billed, row
        elif cost.provenance == "at_least":
            assert cost.usd <= billed, row
        elif in_full:
            assert cost.usd == billed == 0, row  # refused, which nobody bills
    assert set(count) == {"exact", "at_least", "estimated"}
    assert min(count.values()) > 20
    # To the cent: what the invoice has beyond the books is in rows that say that they are no more
    # than a lower bound, or an estimate, and those come close.
    gap = sum(invoiced.values()) - sum(booked.values())
    assert gap == sum(invoiced[kind] - booked[kind] for kind in ("at_least", "estimated"))
    assert abs(invoiced["estimated"] - booked["estimated"]) <= invoiced["estimated"] / 4
