"""A ring of keys that a test puts in, and takes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from omen.accounts.keyring import KeyRing
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from tests.world import World


class Keys(KeyRing):
    """Keys without a database."""

    def __init__(self) -> None:
        super().__init__(None)
        self._keys = {}

    def add(self, **more: Any) -> str:
        made = make_key()
        caller = Caller(key_id=made.key_id, name="test", **more)
        record = KeyRecord(caller=caller, digest=made.digest, created_at=datetime.now(UTC))
        assert self._keys is not None
        self._keys = {**self._keys, made.key_id: record}
        return made.text

    def clear(self) -> None:
        self._keys = {"other": next(iter((self._keys or {}).values()))}


def with_keys(world: World) -> Keys:
    """Give the gateway of a world keys, of which it has none yet."""
    keys = Keys()
    keys.running = world.gateway.keys.running
    world.gateway.keys = keys
    return keys
