"""Plays the troubles one after the other; records scores and choices every five seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from bench._routing.stage import FIRST, MODEL, TROUBLES, Stage, Trouble, open_stage
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import OmenError
from omen.core.events import Event
from omen.core.hints import RaceHints

CALM_SECONDS = 180.0
TROUBLE_SECONDS = 420.0
RECOVERY_SECONDS = 900.0
LOOK_SECONDS = 5.0
ROUTED_EVERY = 0.5
"""Seconds between requests that leave the choice to the router."""
NAMED_EVERY = 5.0
"""Seconds between requests that name a provider: they keep the measurements of it fresh."""


@dataclass(frozen=True, slots=True)
class Look:
    """The record of one moment. `share` is of the routed requests since the last record."""

    at: float
    scores: dict[str, float]
    share: float


@dataclass(frozen=True, slots=True)
class Played:
    """One trouble: when it began and ended, and every record from before it to after it."""

    trouble: Trouble
    began: float
    ended: float
    looks: Sequence[Look]

    @property
    def before(self) -> float:
        """The score of the first provider just before the trouble."""
        return next(look.scores[FIRST] for look in reversed(self.looks) if look.at < self.began)

    @property
    def lowest(self) -> float:
        """Its lowest score during the trouble."""
        during = (look for look in self.looks if self.began <= look.at <= self.ended)
        return min(look.scores[FIRST] for look in during)

    @property
    def left_after(self) -> float | None:
        """Seconds until it got less than a tenth of the requests; None: never."""
        return _first(self.looks, self.began, self.ended, below=0.1)

    @property
    def back_after(self) -> float | None:
        """Seconds from the trouble's end until it got nine in ten again; None: never."""
        return _first(self.looks, self.ended, float("inf"), above=0.9)


def _first(
    looks: Sequence[Look], start: float, end: float, *, below: float = 2.0, above: float = -1.0
) -> float | None:
    found = (k.at - start for k in looks if start < k.at <= end and above < k.share < below)
    return next(found, None)


@dataclass
class _Choices:
    counts: Counter[str] = field(default_factory=Counter)

    def take(self) -> float:
        total = sum(self.counts.values())
        share = self.counts[FIRST] / total if total else 0.0
        self.counts.clear()
        return share


class _Nowhere:
    async def send(self, events: Sequence[Event]) -> None:
        pass


def play(troubles: Sequence[Trouble] = TROUBLES, scale: float = 1.0) -> list[Played]:
    """Play in virtual time; `scale` makes every phase shorter or longer."""
    return trio.run(_play, troubles, scale, clock=MockClock(autojump_threshold=0))


async def _play(troubles: Sequence[Trouble], scale: float) -> list[Played]:
    played: list[Played] = []
    async with open_stage() as stage, trio.open_nursery() as nursery:
        choices, looks = _Choices(), list[Look]()
        nursery.start_soon(_ask, stage, MODEL, ROUTED_EVERY, choices)
        for name in stage.upstreams:
            nursery.start_soon(_ask, stage, f"{name}/{MODEL}", NAMED_EVERY, None)
        nursery.start_soon(_look, stage, choices, looks)
        for trouble in troubles:
            await trio.sleep(CALM_SECONDS * scale)
            stage.set(trouble)
            began = trio.current_time()
            await trio.sleep(TROUBLE_SECONDS * scale)
            stage.set(None)
            ended = trio.current_time()
            await trio.sleep(RECOVERY_SECONDS * scale)
            mine = [look for look in looks if look.at >= began - CALM_SECONDS]
            played.append(Played(trouble, began, ended, mine))
        nursery.cancel_scope.cancel()
    return played


async def _ask(stage: Stage, model: str, every: float, choices: _Choices | None) -> None:
    async with trio.open_nursery() as nursery:
        while True:
            nursery.start_soon(_ask_once, stage, model, choices)
            await trio.sleep(every)


async def _ask_once(stage: Stage, model: str, choices: _Choices | None) -> None:
    request = ChatRequest(messages=(Message("user", (TextPart("hello"),)),))
    race = stage.gateway.plan(model, RaceHints(strategy="single"), trio.current_time())
    if choices is not None:
        choices.counts[race.plan.candidates[0].provider] += 1
    try:
        await stage.gateway.run(race, request, _Nowhere())
    except OmenError:
        return  # the failure is part of the played trouble


async def _look(stage: Stage, choices: _Choices, looks: list[Look]) -> None:
    while True:
        await trio.sleep(LOOK_SECONDS)
        scores = {name: score.overall for name, score in stage.gateway.scores.items()}
        looks.append(Look(trio.current_time(), scores, choices.take()))
