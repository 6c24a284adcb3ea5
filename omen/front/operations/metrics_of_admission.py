"""The metrics of admission: how short the gateway is of time, what waits, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from omen.admission import Controller, Pressure
from omen.gateway import Gateway


def admission(controller: Controller | None, gateway: Gateway) -> Iterable[Metric]:
    """Return the metrics of admission, and of the plans that it made smaller."""
    if controller is not None:
        yield from _figures(controller)
    yield _refused(controller, gateway.keys.running.refused)
    text = "Plans that were made smaller, by the level of pressure that did it."
    metric = CounterMetricFamily("omen_relieved_plans", text, labels=["pressure"])
    for level in (Pressure.NO_HEDGES, Pressure.SINGLE, Pressure.REFUSING):
        metric.add_metric([level.name.lower()], gateway.relieved[level])
    yield metric


def _refused(controller: Controller | None, of_keys: int) -> Metric:
    """Return the refused requests: for want of time, and of keys that had too many running."""
    text = "Requests that were refused before they began, by when."
    metric = CounterMetricFamily("omen_requests_refused", text, labels=["when"])
    if controller is not None:
        metric.add_metric(["at_the_door"], controller.refused_at_the_door)
        metric.add_metric(["after_waiting"], controller.refused_after_waiting)
    if of_keys:
        metric.add_metric(["key_has_too_many"], of_keys)
    return metric


def describe_admission(controller: Controller | None) -> dict[str, Any] | None:
    """Return the state of admission for `/status`; None if it is switched off."""
    if controller is None:
        return None
    return {
        "pressure": int(controller.pressure),
        "beginning": controller.beginning,
        "limit": controller.limit,
        "waiting": controller.waiting,
        "lag_ms": round(1000 * controller.lag, 3),
        "admitted": controller.admitted,
        "waited": controller.waited,
        "refused": controller.refused_at_the_door + controller.refused_after_waiting,
    }


def _figures(controller: Controller) -> Iterable[Metric]:
    text = "How short of processor time: 0 not, 1 no hedges, 2 single only, 3 refusing."
    yield GaugeMetricFamily("omen_pressure", text, controller.pressure)
    text = "What every pass of the scheduler takes at least, in seconds, over a tenth of a second."
    yield GaugeMetricFamily("omen_loop_lag_seconds", text, controller.lag)
    text = "Requests whose first attempt has not started yet."
    yield GaugeMetricFamily("omen_requests_beginning", text, controller.beginning)
    text = "How many requests may be beginning at the same time."
    yield GaugeMetricFamily("omen_requests_beginning_limit", text, controller.limit)
    text = "Requests that wait to begin."
    yield GaugeMetricFamily("omen_requests_waiting", text, controller.waiting)
    text = "Requests that began."
    yield CounterMetricFamily("omen_requests_admitted", text, controller.admitted)
    text = "Requests that waited before they began or were refused."
    yield CounterMetricFamily("omen_requests_waited", text, controller.waited)
