"""The exchange between replicas: times to first token, and the endpoints that are down.

HdrHistograms add up without loss, so quantiles over all replicas are the quantiles of all samples.
A report that an endpoint is down for another replica is a hint: the endpoint ranks lower here, and
a success here overrides the hint.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import trio

from omen.routing.observe.first_tokens import FirstTokens
from omen.routing.observe.health import Health
from omen.state import Store, StoreAwayError

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
TOPIC = "upstreams"


class ReplicaExchange:
    """Publishes this replica's observations in the shared store, and collects the others'."""

    def __init__(self, store: Store, first_tokens: FirstTokens, health: Health) -> None:
        self._store = store
        self._first_tokens = first_tokens
        self._health = health
        self._warned = False

    async def run(self) -> None:
        """Exchange observations every two seconds, until cancelled."""
        while True:
            await self.publish_and_collect()
            await trio.sleep(INTERVAL_SECONDS)

    async def publish_and_collect(self) -> None:
        """Publish this replica's observations, and take over what the others published last.

        Without another replica, or while the store is away, the others' observations are dropped,
        so that old ones do not stay in force.
        """
        if self._store.replicas < 2:
            self._first_tokens.set_remote(())
            self._health.set_down_elsewhere(())
            return
        first_tokens = await self._first_tokens.export()
        report = {"first_tokens": first_tokens, "down": self._health.down_endpoints()}
        try:
            await self._store.publish(TOPIC, json.dumps(report).encode(), 5 * INTERVAL_SECONDS)
            published = await self._store.collect(TOPIC)
        except StoreAwayError:
            published = {}
        others = [_read(text) for name, text in published.items() if name != self._store.replica]
        valid = [other for other in others if other is not None]
        if len(valid) < len(others):
            self._warn_once()
        exports = [other["first_tokens"] for other in valid]
        await self._first_tokens.read_ahead(exports)
        try:
            self._first_tokens.set_remote(exports)
            self._health.set_down_elsewhere(
                {(name, url) for other in valid for name, url in other["down"]}
            )
        except (ValueError, TypeError):
            self._warn_once()

    def _warn_once(self) -> None:
        """Log a warning the first time only: a rolling update may mix versions for hours."""
        if not self._warned:
            logger.warning("a replica published its observations in an unknown format")
        self._warned = True


def _read(text: bytes) -> Mapping[str, Any] | None:
    """Return the observations of another replica; None if another version wrote them."""
    try:
        report = json.loads(text)
        return {"first_tokens": report["first_tokens"], "down": report["down"]}
    except (ValueError, KeyError, TypeError):
        return None
