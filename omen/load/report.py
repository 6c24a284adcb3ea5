"""The JSON document of a run. It has no prompt, no answer and no key."""

from __future__ import annotations

from collections.abc import Mapping

from omen.load.results import Results

QUANTILES: Mapping[str, float] = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}


def arm_report(results: Results) -> dict[str, object]:
    """Return the results of one arm. Latencies are in milliseconds, rates per second."""
    seconds = results.seconds or 1.0
    return {
        "requests": results.requests,
        "failed": results.errors.total(),
        "errors": dict(sorted(results.errors.items())),
        "seconds": results.seconds,
        "requests_per_second": results.requests / seconds,
        "tokens": results.tokens,
        "tokens_per_second": results.tokens / seconds,
        "good": results.good,
        "goodput_per_second": results.good / seconds,
        "latency_ms": {
            name: {at: results.quantile(name, q) * 1000 for at, q in QUANTILES.items()}
            for name in results.histograms
            if name != "lag"
        },
        "start_lag_ms": {at: results.quantile("lag", q) * 1000 for at, q in QUANTILES.items()},
        "fell_behind": results.fell_behind,
        "slo": [
            {"objective": goal.name, "within": within, "met": met}
            for goal, within, met in zip(
                results.objectives, results.within, results.met(), strict=True
            )
        ],
    }
