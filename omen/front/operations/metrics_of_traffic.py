"""The part of `/metrics` that is about requests and attempts: how many, how long, at what cost.

Docs, dashboard and alerts are checked against these names; see `docs/metrics.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import trio
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from omen.gateway import Gateway
from omen.telemetry import Histogram, Traffic

REQUEST_LABELS = ("provider", "model", "door", "strategy", "status")
LIMIT_SECONDS = 600.0
"""How long a reported rest of a rate limit is told: it refills, and nobody reports that."""
BREAKER: Mapping[str, int] = MappingProxyType(
    {"healthy": 0, "unknown": 0, "recovering": 1, "down": 2}
)
_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


def traffic(gateway: Gateway) -> Iterator[Metric]:
    """Tell of every request and attempt that has ended."""
    told = gateway.traffic
    told.settle()
    yield from _requests(told)
    yield from _attempts(told)
    yield from _gen_ai(told)
    yield _rate_limits(told)
    yield _breakers(gateway)


def _requests(told: Traffic) -> Iterator[Metric]:
    text = "Requests of every door, also refused ones, by the status that they ended with."
    yield _counter("omen_responses", text, ("door", "status"), told.responses)
    for name, text, histogram in (
        ("request_duration", "From the arrival of a request to its end.", told.durations),
        (
            "time_to_first_token",
            "From the start of the winner's attempt to its first token.",
            told.first_tokens,
        ),
        ("inter_token_gap", "Between two arrivals of tokens of the winner.", told.gaps),
    ):
        yield _histogram(f"omen_{name}_seconds", text, REQUEST_LABELS, histogram)
    text = "From the arrival of a request to the first byte of its answer."
    labels = ("door", "strategy")
    yield _histogram("omen_time_to_commit_seconds", text, labels, told.commits)
    text = "US dollars for attempts that did not answer."
    yield _counter("omen_race_premium_usd", text, ("strategy",), told.premiums)


def _attempts(told: Traffic) -> Iterator[Metric]:
    of_model = ("provider", "model")
    text = "Attempts that ended or were denied."
    yield _counter("omen_attempts", text, (*of_model, "role", "outcome"), told.attempts)
    text = "Attempts that failed or timed out, by the kind of failure or the deadline."
    yield _counter("omen_attempt_failures", text, ("provider", "reason"), told.failures)
    text = "Tokens of all attempts, as reported or else as estimated."
    yield _counter("omen_tokens", text, (*of_model, "type"), told.tokens)
    text = "US dollars for all attempts, where a price is known."
    yield _counter("omen_cost_usd", text, of_model, told.costs)


def _gen_ai(told: Traffic) -> Iterator[Metric]:
    text = "The conventions' gen_ai.client.operation.duration: attempts at upstreams."
    labels = (*_GEN_AI, "error_type")
    name = "gen_ai_client_operation_duration_seconds"
    yield _histogram(name, text, labels, told.gen_ai.durations)
    text = "The conventions' gen_ai.client.token.usage: tokens as upstreams report them."
    labels = (*_GEN_AI, "gen_ai_token_type")
    yield _histogram("gen_ai_client_token_usage", text, labels, told.gen_ai.tokens)


def _rate_limits(told: Traffic) -> Metric:
    text = "What is left of an upstream's rate limit, as it reported within ten minutes."
    labels = ("provider", "model", "limit")
    metric = GaugeMetricFamily("omen_upstream_rate_limit_remaining", text, labels=labels)
    since = trio.current_time() - LIMIT_SECONDS
    for values, last in told.rate_limits.items():
        if last.at >= since:
            metric.add_metric(values, last.remaining)
    return metric


def _breakers(gateway: Gateway) -> Metric:
    text = "The state of a provider's best endpoint: 0 closed, 1 half open, 2 open."
    metric = GaugeMetricFamily("omen_breaker_state", text, labels=["provider"])
    for provider in gateway.providers:
        metric.add_metric([provider.name], BREAKER[gateway.health.state(provider.name)])
    return metric


def _counter(
    name: str,
    text: str,
    labels: Sequence[str],
    counts: Mapping[tuple[str, ...], int] | Mapping[tuple[str, ...], Decimal],
) -> Metric:
    metric = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        metric.add_metric(values, float(count))
    return metric


def _histogram(name: str, text: str, labels: Sequence[str], histogram: Histogram) -> Metric:
    metric = HistogramMetricFamily(name, text, labels=labels)
    for values, buckets, total in histogram:
        metric.add_metric(values, buckets, total)
    return metric
