"""One cell of the matrix: a request that meets a fault, and whether everything is right then.

Right means: the client hears one whole answer of one provider, or one error in its dialect with a
status that fits, or the beginning of one answer and then one error; each attempt has one row, none
has a negative or unfounded cost, and what is spent is their sum; and nothing is open any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args
from unittest.mock import patch

import trio

from bench._faults.cases import ANSWERED, BROKEN, FaultCase
from bench._faults.doors import Door
from bench._faults.heard import Heard
from omen.accounts.budget import current_month
from omen.config import RoutingSettings, Settings
from omen.config.settings import Price
from omen.core.money import nano
from omen.state.store import Cap
from tests.world import World, open_world, upstream, whole

Who = Literal["first", "every", "only"]
"""The candidates that have the fault: the first of two, both, or the only one."""
WHO: tuple[Who, ...] = get_args(Who)
NAMES = ("first", "second")
KINDS = ("openai", "anthropic", "ollama", "azure", "xai")
_PRICE = Price(input=Decimal(1), output=Decimal(2))
_BUDGET = Decimal(1000)
_OVERLOADED = 529
"""Anthropic's own status for 503."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination. `kind` is the vendor whose format the candidates speak."""

    case: FaultCase
    strategy: str
    door: Door
    who: Who
    kind: str

    def __str__(self) -> str:
        return f"{self.case.name} ({self.who}, {self.kind}), {self.strategy}, {self.door.name}"


def cell_at(case: FaultCase, strategy: str, door: Door, who: Who, number: int) -> Cell:
    """Return a cell; the vendors take turns by its number."""
    return Cell(case, strategy, door, who, KINDS[number % len(KINDS)])


async def play(cell: Cell) -> list[str]:
    """Play one cell; return what is wrong."""
    case = cell.case
    asked = NAMES[:1] if cell.who == "only" else NAMES
    faulty = NAMES if cell.who == "every" else NAMES[:1]
    fleet = [
        upstream(name, cell.kind, fault=case.fault if name in faulty else None) for name in asked
    ]
    dials = None if case.dial is None else dict.fromkeys(faulty, case.dial)
    settings = Settings(routing=RoutingSettings(budget_monthly_usd=_BUDGET))
    async with open_world(*fleet, settings=settings, price=_PRICE, dials=dials) as world:
        answers = await _ask(world, cell)
        wrong = [words for heard in answers for words in _wrong_answer(cell, heard)]
        wrong += await _wrong_books(world)
        wrong += await _left_open(world)
    return wrong


async def _ask(world: World, cell: Cell) -> Sequence[Heard]:
    answers: list[Heard] = []

    async def ask() -> None:
        model = ",".join(f"{name}/m" for name in world.stats)
        answers.append(await cell.door.ask(world, model, cell.strategy))

    with _jumping_clock() as jump:
        async with trio.open_nursery() as nursery:
            for _ in range(cell.case.storm):
                nursery.start_soon(ask)
            for seconds in cell.case.jumps:
                await trio.sleep(0.2)
                jump[0] += seconds
    return answers


@contextmanager
def _jumping_clock() -> Iterator[list[float]]:
    """Let the machine's clock (not trio's) be off by the seconds in the list."""
    off, real = [0.0], time.time
    with patch("time.time", lambda: real() + off[0]):
        yield off


def _wrong_answer(cell: Cell, heard: Heard) -> list[str]:
    """Return what is wrong with what the client has heard."""
    wrong = [] if _is_of_one(cell, heard.text) else [f"not one provider's words: {heard.text!r}"]
    if heard.has_end == bool(heard.errors):
        wrong.append(f"{len(heard.errors)} errors, end: {heard.has_end}, status {heard.status}")
    if len(heard.errors) > 1:
        wrong.append("more than one error")
    if heard.has_end and heard.status != 200:
        wrong.append(f"a whole answer with status {heard.status}")
    if not wrong and not _is_expected(cell, heard):
        shown = heard.errors[0] if heard.errors else "a whole answer"
        wrong.append(f"unexpected: {heard.status} {str(shown)[:200]}")
    return wrong


def _is_of_one(cell: Cell, text: str) -> bool:
    """Return whether a text is the beginning of one provider's answer, however often it repeats."""
    if cell.case.kind == "whitespace_only" and not text.strip():
        return True
    if cell.case.kind == "endless":
        return any((whole(name) * len(text)).startswith(text) for name in NAMES)
    return any(whole(name).startswith(text) for name in NAMES)


def _is_expected(cell: Cell, heard: Heard) -> bool:
    case = cell.case
    is_whole = heard.has_end and heard.text in map(whole, NAMES)
    expected = case.expected
    runs_beside = cell.strategy in ("race", "parallel_merge")
    if cell.who == "first" and (runs_beside or not case.is_fatal):
        # Somebody else answers; but the first one may have begun its answer before it broke.
        return is_whole or (heard.has_end and expected is ANSWERED) or _may_break(cell, heard)
    if expected is ANSWERED:
        return heard.has_end
    if heard.has_end:
        return False
    if expected is BROKEN:
        return _may_break(cell, heard)
    if heard.status == 200:  # it was told in-band, after a sign of life
        return cell.door.streams and not heard.text
    if heard.status == _OVERLOADED and cell.door.name.startswith("messages"):
        return bool({503, 429} & expected)
    asks_to_wait = case.expected & {429, 503} and heard.status in (429, 503)
    if asks_to_wait and heard.retry_after is None:
        return False
    return heard.status in expected


def _may_break(cell: Cell, heard: Heard) -> bool:
    """Return whether an answer that broke after its commit was told as it must be."""
    if cell.case.expected is not BROKEN or heard.has_end:
        return False
    is_streamed = heard.status == 200 and cell.door.streams
    return is_streamed or heard.status >= 500


async def _wrong_books(world: World) -> list[str]:
    wrong = []
    races = {race.race_id: race for race, _ in world.rows}
    attempts = [attempt for race in races.values() for attempt in race.attempts]
    rows = [attempt for _, attempt in world.rows]
    if sorted(map(id, rows)) != sorted(map(id, attempts)):
        wrong.append(f"{len(rows)} rows for {len(attempts)} attempts")
    for attempt in attempts:
        cost = attempt.cost
        if cost.usd is None or not cost.usd.is_finite() or cost.usd < 0:
            wrong.append(f"a cost of {cost.usd}")
        elif attempt.unsent and (cost.usd or cost.provenance != "exact"):
            wrong.append(f"{cost.usd} ({cost.provenance}) for a request that was never sent")
        elif attempt.failure and attempt.failure.upstream_status and cost.usd:
            wrong.append(f"{cost.usd} for a refusal")
        if attempt.outcome == "running" or attempt.ended_at is None:
            wrong.append(f"an attempt that is {attempt.outcome}")
    total = sum((attempt.cost_usd or Decimal(0) for attempt in attempts), Decimal(0))
    spent = (await world.gateway.months.standing()).spent_usd
    if abs(spent - total) > Decimal("1e-9") * len(attempts):
        wrong.append(f"spent {spent}, rows {total}")
    return wrong


async def _left_open(world: World) -> list[str]:
    """Return what is still open. The simulated servers get a moment to see a close."""
    await trio.sleep(1.0)
    wrong = []
    gateway = world.gateway
    if gateway.attempts.live:
        wrong.append(f"{len(gateway.attempts.live)} live attempts")
    if world.transport.sockets_in_use:
        wrong.append(f"{world.transport.sockets_in_use} sockets in use")
    if gateway.counts.live:
        wrong.append(f"{gateway.counts.live} live requests")
    still = [name for name, stats in world.stats.items() if stats.open]
    if still:
        wrong.append(f"streams of {still} are open")
    if not await _can_hold_the_rest(world):
        wrong.append("money is still held")
    return wrong


async def _can_hold_the_rest(world: World) -> bool:
    """Return whether the whole budget but what was spent can be held: no other hold is left."""
    spent = (await world.gateway.months.standing()).spent_usd
    cap = Cap(f"{current_month()}:gateway", nano(_BUDGET))
    hold = await world.gateway.store.hold("check", [cap], [nano(_BUDGET - spent)], 1.0)
    return hold.granted is not None
