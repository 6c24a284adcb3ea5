"""A day of one model that stalls now and then, with hedging and without it.

One request a minute, each played twice by the gateway itself in virtual time: the same
question meets the same luck, as the simulator draws it from the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

import trio
from trio.testing import MockClock

from bench.pictures.svg import circle, line, picture, polyline, rect, words
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.distributions import LogNormal, StallTail
from tests.world import open_world

REQUESTS, PERIOD = 24 * 60, 60.0
HOUR = 60
"""Requests of an hour."""
WIDTH, HEIGHT = 860, 330
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 84, 48
FASTEST, SLOWEST = 0.25, 64.0
_STALLS = StallTail(LogNormal(0.6, 0.35), probability=0.02, offset=5.0, mean=8.0, cap=60.0)


@dataclass(frozen=True)
class Day:
    """Seconds until the answer began, in the order of the requests, and what it took."""

    single: tuple[float, ...]
    hedged: tuple[float, ...]
    hedges: int


def play_day(requests: int = REQUESTS) -> Day:
    """Play a day."""
    single, _ = _played("single", requests)
    hedged, hedges = _played("speculate_k", requests)
    return Day(single, hedged, hedges)


def _played(strategy: str, requests: int) -> tuple[tuple[float, ...], int]:
    return trio.run(_play, strategy, requests, clock=MockClock(autojump_threshold=0))


async def _play(strategy: str, requests: int) -> tuple[tuple[float, ...], int]:
    profile = Profile(first_token=_STALLS, gap=Fixed(0.02), tokens=2)
    models = [SimulatedUpstream(name, "openai", profile, models=("m",)) for name in ("a", "b")]
    begun: list[float] = []
    hedges = 0
    async with open_world(*models, first_token_timeout=90.0) as world:
        for count in range(requests):
            await trio.sleep_until(count * PERIOD)
            asked: dict[str, Any] = {
                "model": "a/m,b/m",
                "strategy": strategy,
                "k": 2,
                "min_useful_tokens": 1,
            }
            race = (await world.ask(f"question {count}", **asked)).race
            assert race.winner is not None
            assert race.winner.committed_at is not None
            begun.append(race.winner.committed_at - race.accepted_at)
            hedges += sum(attempt.role == "hedge" for attempt in race.attempts)
    return tuple(begun), hedges


def draw_day(day: Day) -> str:
    """Return the picture of a day."""
    share = 100 * day.hedges / len(day.hedged)
    title = "A day with a model that stalls: time until the answer begins"
    parts = [words("head", 20, 30, title), *_axes()]
    x = 20.0
    for kind, meaning in (
        ("lost", f"single: p99 {_quantile(day.single, 0.99):.1f} s"),
        ("hedge", f"hedged: p99 {_quantile(day.hedged, 0.99):.1f} s, {share:.1f} % more requests"),
    ):
        parts += [rect(kind, x, 45, 22, 10), words("dim small", x + 28, 54, meaning)]
        x += 44 + 7 * len(meaning)
    parts.append(words("dim small", x, 54, "lines: median of each hour; dots: over 3 s"))
    for kind, values, radius in (("lost", day.single, 3.2), ("hedge", day.hedged, 3.2)):
        hours = range(0, len(values), HOUR)
        medians = [
            (_x(start + HOUR / 2), _y(_quantile(values[start : start + HOUR], 0.5)))
            for start in hours
        ]
        parts.append(polyline(kind, medians))
        parts += [circle(kind, _x(n), _y(s), radius) for n, s in enumerate(values) if s > 3.0]
    return picture(WIDTH, HEIGHT, title, parts)


def _axes() -> list[str]:
    parts: list[str] = []
    for seconds in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64):
        y = _y(seconds)
        parts.append(line("edge", LEFT, y, WIDTH - RIGHT, y, more=' stroke-dasharray="2 4"'))
        parts.append(words("dim small end", LEFT - 8, y + 4, f"{seconds:g} s"))
    for hour in range(0, 25, 4):
        parts.append(words("dim small mid", _x(hour * HOUR), HEIGHT - 24, f"{hour:02}:00"))
    return parts


def _x(count: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * count / REQUESTS


def _y(seconds: float) -> float:
    low, high = log10(FASTEST), log10(SLOWEST)
    share = (log10(min(max(seconds, FASTEST), SLOWEST)) - low) / (high - low)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
