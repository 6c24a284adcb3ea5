"""What one worker answers when another one is asked for the whole gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omen.admission import Controller
from omen.front.operations.attempts import own_attempts
from omen.front.operations.merged_metrics import Family, cumulative, merge
from omen.front.operations.metrics import Metrics
from omen.front.operations.races import describe_race, list_races
from omen.front.operations.status import describe_cache, own_status
from omen.gateway import Gateway


@dataclass(frozen=True, slots=True)
class OwnPart:
    """Answers for this worker alone."""

    gateway: Gateway
    metrics: Metrics
    admission: Controller | None

    def __call__(self, question: str, args: Any) -> Any:
        """Answer one question. **Raises.** `ValueError` for an unknown one."""
        gateway = self.gateway
        match question:
            case "figures":
                return {
                    "metrics": self.metrics.plain(),
                    "counts": own_counts(gateway),
                    "recent": gateway.hedges.recent,
                }
            case "status":
                return own_status(gateway, self.admission)
            case "cache":
                return describe_cache(gateway)
            case "races":
                return list_races(gateway.races, args)["data"]
            case "race":
                race = gateway.races.get(args)
                return None if race is None else describe_race(race)
            case "attempts":
                return own_attempts(gateway)
        raise ValueError(question)


def own_counts(gateway: Gateway) -> dict[str, dict[str, int]]:
    """Return the counts of `/status` that must outlive the worker."""
    counts, cache = gateway.counts, gateway.cache
    ledger = None if gateway.books is None else gateway.books.ledger
    return {
        "requests": {
            "answered": counts.answered,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
        },
        "cache": {
            "hits": cache.hits,
            "misses": cache.misses,
            "shared_in_flight": cache.shared,
            "stored": cache.stored,
        },
        "ledger": {}
        if ledger is None
        else {"rows_spooled": ledger.spooled, "rows_lost": ledger.lost},
    }


def add_figures(earlier: Mapping[str, Any] | None, last: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of ended workers with those of one more."""
    metrics: list[Family] = cumulative(last["metrics"])
    if earlier is None:
        return {"metrics": metrics, "counts": last["counts"]}
    return {
        "metrics": merge(earlier["metrics"], metrics),
        "counts": add_counts(earlier["counts"], last["counts"]),
    }


def add_counts(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sums of two groups of counts."""
    return {
        group: {
            name: one.get(group, {}).get(name, 0) + other.get(group, {}).get(name, 0)
            for name in {**one.get(group, {}), **other.get(group, {})}
        }
        for group in {**one, **other}
    }
