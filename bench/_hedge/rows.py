"""One policy in one scene, and the result."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from bench._hedge.naive import Naive
from bench._hedge.profiles import Scene
from omen.replay import Outcome, Play, Policy, nearest_rank, replay

WINDOW_SECONDS = 600.0
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}

Estimator = Literal["", "no budget", "winners only", "age as sample"]
"""The source of the delay: OMEN's, with or without its budget; or a naive one, without."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run: what to play."""

    scene: Scene
    policy: str
    estimator: Estimator = ""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one run. Times are seconds; shares are of the requests."""

    scene: str
    policy: str
    estimator: Estimator
    requests: int
    quantiles: dict[str, float]
    failed: float
    extra: float
    worst_extra: float
    """The largest share of extra starts in any ten minutes."""
    denied: int

    @property
    def title(self) -> str:
        """The row's title."""
        return f"{self.policy} ({self.estimator})" if self.estimator else self.policy


def play(task: Task) -> Row:
    """Play a task in virtual time and return its row."""
    policy = Policy.parse(task.policy)
    naive = task.estimator in ("winners only", "age as sample")
    learning = Naive(policy.max_extra_load, ages=task.estimator == "age as sample")
    played = replay(
        Play(policy, learning if naive else None, bounded=not task.estimator),
        task.scene.requests(task.seed),
    )
    return tally(task, played.outcomes)


def tally(task: Task, outcomes: Sequence[Outcome]) -> Row:
    """Add up the outcomes. A request without an answer took infinitely long."""
    times = sorted(inf if o.seconds is None else o.seconds for o in outcomes)
    count = len(outcomes)
    return Row(
        scene=task.scene.name,
        policy=task.policy,
        estimator=task.estimator,
        requests=count,
        quantiles={name: nearest_rank(times, share) for name, share in QUANTILES.items()},
        failed=sum(o.seconds is None for o in outcomes) / count,
        extra=sum(len(o.extra_at) for o in outcomes) / count,
        worst_extra=worst_share(outcomes),
        denied=sum(o.denied for o in outcomes),
    )


def worst_share(outcomes: Sequence[Outcome], seconds: float = WINDOW_SECONDS) -> float:
    """Return the largest ratio of extra starts to requests in any window of `seconds`.

    An extra start counts at its own time, which may be long after its request.
    """
    asked = sorted(outcome.at for outcome in outcomes)
    extra = sorted(at for outcome in outcomes for at in outcome.extra_at)
    worst, last = 0.0, asked[-1] if asked else 0.0
    for at in extra:
        begin = at - seconds
        # Only complete windows count, and only while requests arrive.
        if begin >= 0.0 and at <= last:
            starts = bisect_right(extra, at) - bisect_left(extra, begin)
            requests = bisect_right(asked, at) - bisect_left(asked, begin)
            worst = max(worst, starts / requests if requests else inf)
    return worst
