"""One rule in one scene, and the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench._forecast.rules import Forecaster, Rule
from bench._forecast.scene import LONG, Scene, is_stall
from bench._hedge.rows import worst_share
from omen.replay import Outcome, Play, Policy, RecordedRequest, nearest_rank, replay

KNOB = 0.05


@dataclass(frozen=True, slots=True)
class Task:
    """One run: what to play, and by which rule."""

    scene: Scene
    rule: Rule
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one run. Times are seconds; shares are of the requests."""

    scene: str
    rule: Rule
    requests: int
    stalled: int
    """The short prompts whose first attempt stalled."""
    rescued: tuple[float, float]
    """When the hedge of such a request began: the median and the 95th percentile."""
    answered: float
    """When such a request had its answer: the median."""
    useless: float
    """Hedges beside an attempt that did not stall and answered first."""
    extra: float
    worst_extra: float
    """The largest share of extra starts in any ten minutes."""
    pinball: float
    """The mean pinball loss of the forecast, over first attempts that did not stall."""
    pinball_of_all: float
    """The same with the stalls."""
    late: tuple[float, float]
    """The shares of short and of long prompts that took longer than their forecast; `KNOB` would be
    right."""
    quantiles: tuple[float, float, float]
    """p50, p99 and p99.9 of all requests."""


def play(task: Task) -> Row:
    """Play a task in virtual time and return its row."""
    learning = Forecaster(task.rule, KNOB)
    policy = Policy.parse(f"hedge@{KNOB:.0%}")
    played = replay(Play(policy, learning), task.scene.requests(task.seed))
    by_time = {outcome.at: outcome for outcome in played.outcomes}
    requests = list(task.scene.requests(task.seed))
    return tally(task, requests, [by_time[r.at] for r in requests], learning.forecasts)


def tally(
    task: Task,
    requests: Sequence[RecordedRequest],
    outcomes: Sequence[Outcome],
    forecasts: Sequence[float],
) -> Row:
    """Add up what became of the requests, in their order."""
    firsts = [_first(request) for request in requests]
    count = len(requests)
    saved = [
        outcome
        for (tokens, seconds), outcome in zip(firsts, outcomes, strict=True)
        if tokens < LONG and is_stall(seconds)
    ]
    began = sorted(min(o.extra_at, default=float("inf")) - o.at for o in saved)
    useless = sum(
        bool(outcome.extra_at) and outcome.seconds == _near(seconds, outcome)
        for (_, seconds), outcome in zip(firsts, outcomes, strict=True)
    )
    asked = [(t, s, f) for (t, s), f in zip(firsts, forecasts, strict=True)]
    times = sorted(float("inf") if o.seconds is None else o.seconds for o in outcomes)
    return Row(
        scene=task.scene.name,
        rule=task.rule,
        requests=count,
        stalled=len(saved),
        rescued=(nearest_rank(began, 0.5), nearest_rank(began, 0.95)),
        answered=nearest_rank(sorted(o.seconds or float("inf") for o in saved), 0.5),
        useless=useless / count,
        extra=sum(len(o.extra_at) for o in outcomes) / count,
        worst_extra=worst_share(outcomes),
        pinball=_mean(pinball(s, f) for _, s, f in asked if not is_stall(s)),
        pinball_of_all=_mean(pinball(s, f) for _, s, f in asked),
        late=(
            _mean(float(s > f) for t, s, f in asked if t < LONG),
            _mean(float(s > f) for t, s, f in asked if t >= LONG),
        ),
        quantiles=(
            nearest_rank(times, 0.5),
            nearest_rank(times, 0.99),
            nearest_rank(times, 0.999),
        ),
    )


def pinball(seconds: float, forecast: float, share: float = 1.0 - KNOB) -> float:
    """Return the pinball loss of a forecast of a quantile: least on average if it is right.

    >>> pinball(1.0, 2.0, 0.75), pinball(3.0, 2.0, 0.75)
    (0.25, 0.75)
    """
    return max(share * (seconds - forecast), (share - 1.0) * (seconds - forecast))


def _near(seconds: float, outcome: Outcome) -> float | None:
    """Return the request's own time if its first attempt answered it; None otherwise."""
    own = outcome.seconds
    return own if own is not None and abs(own - seconds) < 1e-6 else None


def _first(request: RecordedRequest) -> tuple[int, float]:
    """Return the tokens of a request's prompt, and the time of its first candidate."""
    candidate, seconds = next(iter(request.latencies.items()))
    return candidate.prompt_tokens or 0, seconds


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / len(held) if held else 0.0
