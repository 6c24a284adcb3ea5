"""`python -m bench._growth.filled_serve N serve …`: `omen serve …` that remembers N sessions.

The sessions are written into the store of the process before it serves: as many requests would take
minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from unittest import mock

from bench._growth.sizes import PROVIDER
from omen.cli.main import main as run_omen
from omen.sim import DEMO_MODEL
from omen.state import memory

_KEPT_SECONDS = 3600.0


class _Filled(memory.MemoryStore):
    """A store with values of the size of a session's."""

    def __init__(self, count: int, most_bytes: int, replica: str | None) -> None:
        super().__init__(most_bytes, replica)
        self._sessions_left = count

    async def get(self, key: str) -> bytes | None:
        while self._sessions_left:
            self._sessions_left -= 1
            await self.put(f"sticky:filled:{self._sessions_left:064d}", _MAKER, _KEPT_SECONDS)
        return await super().get(key)


_MAKER = f'["{PROVIDER}","{DEMO_MODEL}"]'.encode()


def main(argv: Sequence[str]) -> int:
    """Run `omen` with a filled store; return its exit status."""
    count, *rest = argv
    with mock.patch("omen.state.opening.MemoryStore", partial(_Filled, int(count))):
        return run_omen(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
