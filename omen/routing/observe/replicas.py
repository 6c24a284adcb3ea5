"""What replicas tell each other of their upstreams: first tokens, and who is down.

HdrHistograms add up without loss, so quantiles over all replicas are those of all samples. That an
endpoint is down somewhere else is a hint: it is asked after others, and can show that it is well.
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

EVERY_SECONDS = 2.0
TOPIC = "upstreams"


class ReplicaExchange:
    """Tells and hears, through the shared store."""

    def __init__(self, store: Store, first_tokens: FirstTokens, health: Health) -> None:
        self._store = store
        self._first_tokens = first_tokens
        self._health = health
        self._complained = False

    async def run(self) -> None:
        """Tell and hear every two seconds, until cancelled."""
        while True:
            await self.once()
            await trio.sleep(EVERY_SECONDS)

    async def once(self) -> None:
        """Tell, and hear what the others have told last, if there are any."""
        if self._store.replicas < 2:
            self._first_tokens.hear(())
            self._health.hear(())
            return
        first_tokens = await self._first_tokens.export()
        said = {"first_tokens": first_tokens, "down": self._health.down_here()}
        try:
            await self._store.publish(TOPIC, json.dumps(said).encode(), 5 * EVERY_SECONDS)
            told = await self._store.collect(TOPIC)
        except StoreAwayError:
            told = {}
        others = [_read(text) for name, text in told.items() if name != self._store.replica]
        understood = [one for one in others if one is not None]
        if len(understood) < len(others):
            self._complain()
        try:
            self._first_tokens.hear([one["first_tokens"] for one in understood])
            self._health.hear({(name, url) for one in understood for name, url in one["down"]})
        except (ValueError, TypeError):
            self._complain()

    def _complain(self) -> None:
        """Say it once: while replicas are brought up to date one by one it may hold for hours."""
        if not self._complained:
            logger.warning("a replica told of its upstreams in a form that is not understood")
        self._complained = True


def _read(text: bytes) -> Mapping[str, Any] | None:
    """Read what a replica said; None if it speaks another version's language."""
    try:
        told = json.loads(text)
        return {"first_tokens": told["first_tokens"], "down": told["down"]}
    except (ValueError, KeyError, TypeError):
        return None
