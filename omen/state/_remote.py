"""What `SharedStore` needs of a store outside this process: Redis, or a supervisor of workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from omen.state._patience import Patience
from omen.state.store import Known, Store


class Remote(Store, Protocol):
    """A store outside this process. Its methods raise `StoreAwayError`."""

    @property
    def kind(self) -> str:
        """The name of the store in log lines and in `/status`."""
        ...

    @property
    def known(self) -> Mapping[str, Known]:
        """The last known state of the other replicas, by scope."""
        ...

    async def data_id(self) -> bytes:
        """Return the id of its data. Another id means that it lost all of its data."""
        ...


Connect: TypeAlias = Callable[[str, Patience], Remote]
"""Makes a store for a replica of this name, with this timeout of calls."""
