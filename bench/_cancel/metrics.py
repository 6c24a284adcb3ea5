"""The gateway's own figures about its cancels, from `/metrics`, if it has that route.

**Source.** https://prometheus.io/docs/instrumenting/exposition_formats/, read 2026-11-26.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from bench._client import Client
from bench._processes import Address

NAME = "omen_cancel_seconds"
AIM_SECONDS = 0.005
_TIMEOUT = 10.0
_SAMPLE = re.compile(
    rf"^{NAME}_(?P<part>count|bucket)(?:\{{(?P<labels>.*)\}})?\s+(?P<value>\S+)", re.M
)
_BOUND = re.compile(r'\ble="([^"]+)"')


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """The gateway's own count of cancels, over all labels."""

    count: int
    within: float | None = None
    """The largest bucket bound that is not above the aim, in seconds, and how many of the cancels
    took no longer. Both are None if the metric is not a histogram, or a coarse one."""
    count_within: int | None = None


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """These figures, or the reason why there are none."""

    figures: OwnFigures | None
    missing: str = ""

    def to_text(self) -> str:
        """Return it as one line."""
        if self.figures is None:
            return f"gateway's own {NAME}: {self.missing}"
        told = f"gateway's own {NAME}: {self.figures.count} cancels"
        if self.figures.within is None or self.figures.count_within is None:
            return f"{told}, with no bucket up to {AIM_SECONDS:g} s"
        share = self.figures.count_within / max(self.figures.count, 1)
        return f"{told}, {share:.2%} within {self.figures.within:g} s"


async def ask_for_own_account(address: Address) -> OwnAccount:
    """Read the gateway's metrics, if it has any."""
    client = Client(address.host, address.port, "/metrics", timeout=_TIMEOUT, method="GET")
    try:
        exchange = await client.ask()
    finally:
        client.close()
    if exchange.failure or exchange.status != 200:
        return OwnAccount(None, exchange.failure or f"none, /metrics is a {exchange.status}")
    figures = read_own_figures(exchange.body.decode("utf-8", "replace"))
    return OwnAccount(figures, "" if figures else "none, /metrics does not have it")


def read_own_figures(text: str) -> OwnFigures | None:
    """Return the figures from Prometheus's text format; None if they are missing."""
    samples = list(_SAMPLE.finditer(text))
    counts = [float(sample["value"]) for sample in samples if sample["part"] == "count"]
    if not counts:
        return None
    buckets: Counter[float] = Counter()
    for sample in samples:
        bound = _BOUND.search(sample["labels"] or "")
        if bound is not None:
            buckets[float(bound[1])] += int(float(sample["value"]))
    within = max((bound for bound in buckets if bound <= AIM_SECONDS), default=None)
    count = int(sum(counts))
    if within is None:
        return OwnFigures(count)
    return OwnFigures(count, within, buckets[within])
