"""Redis while it answers, and this replica's own share of everything while it does not.

A call that finds Redis away says so once, and from then on nobody asks it but one task, twice a
second: no request waits for a server that is known not to answer. Meanwhile the store in memory
keeps the limits, each divided by the number of replicas that were last seen; of a budget, what is
left of it is divided. Redis counts as back once it has heard of everything: what was spent here,
what is set aside for requests that still run, and, if it has forgotten, what the books say that
everybody has spent. Whatever it is told counts once, however often it is told.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import trio

from omen.state._alone import Alone
from omen.state._arrears import Arrears, Running
from omen.state._switched import Switched
from omen.state.memory import MemoryStore
from omen.state.store import Cap, Hold, StoreAwayError

if TYPE_CHECKING:
    from omen.state.redis import RedisStore

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
HEARTBEAT_SECONDS = 2.0

Books = Callable[[], Awaitable[Mapping[str, Mapping[str, int]] | None]]
"""Returns what the books say was spent: by replica, by scope. None: they cannot be read."""


class SharedStore(Switched):
    """See `omen.state.store.Store`. Its `run` belongs into a nursery."""

    def __init__(self, remote: RedisStore, local: MemoryStore) -> None:
        super().__init__(remote, local)
        self._arrears = Arrears(remote)
        self._alone = Alone(local, remote.known, self._arrears.spent)
        self._switching: trio.Event | None = None
        """Set once Redis is back, or is not after all, while that is being decided."""
        self._memory: bytes | None = None
        """What Redis remembered when it was asked last; None: it never was."""
        self.books: Books | None = None
        """Where to read what was spent, when Redis has forgotten."""
        self.epoch = 0

    def __repr__(self) -> str:
        how = "away" if self.is_away else "there"
        return f"<SharedStore {how}, {self.replicas} replicas, {self.waiting_notes} notes>"

    @property
    def waiting_notes(self) -> int:
        """Of how many requests Redis has not heard that they ended."""
        return len(self._arrears.notes)

    @property
    def lost_notes(self) -> int:
        """Of how many requests it will not hear that they ended; what they spent it will."""
        return self._arrears.lost_notes

    async def run(self) -> None:
        """Tell Redis that this replica lives, and find out whether Redis does, until cancelled."""
        while True:
            if self.is_away:
                await self._try_to_return()
            else:
                await self._beat()
            await trio.sleep(RETRY_SECONDS if self.is_away else HEARTBEAT_SECONDS)

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set money aside."""
        hold: Hold | None = None
        while hold is None:
            while self._switching is not None:
                # Redis has just answered: this takes as long as a call, and is bounded likewise.
                await self._switching.wait()
            if self.is_away:
                share = self._alone.caps(caps, self.replicas)
                hold = await self._local.hold(hold_id, share, amounts, lease)
            else:
                hold = await self._hold_there(hold_id, caps, amounts, lease)
        if hold.granted is not None:
            scopes, until = tuple(cap.scope for cap in caps), trio.current_time() + lease
            self._arrears.running[hold_id] = Running(scopes, hold.granted, until)
        return hold

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up; if nobody can be told now, later."""
        self._arrears.settle(hold_id, spent)
        if not self.is_away:
            try:
                await self._remote.settle(hold_id, scopes, spent)
            except StoreAwayError as error:
                self._leave(error)
            except trio.Cancelled:
                # Whether it was done nobody knows; told twice it counts once.
                self._owe(hold_id, scopes, spent)
                raise
            else:
                return
        self._owe(hold_id, scopes, spent)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return what was spent; while cut off, what was known and what was spent here since."""
        if not self.is_away:
            try:
                return await self._remote.spent(scopes)
            except StoreAwayError as error:
                self._leave(error)
        return self._alone.spent(scopes)

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise what was spent."""
        if not self.is_away:
            try:
                await self._remote.raise_spent(spent, *(() if by is None else (by,)))
            except StoreAwayError as error:
                self._leave(error)
            else:
                return
        self._alone.raise_spent(spent, None if by == self.replica else by)

    async def _hold_there(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold | None:
        """Ask Redis; None when it has been found away meanwhile, and so has to be asked anew.

        What Redis grants then may be granted here to somebody else. Whatever it has done, it hears
        what is held when it is back.
        """
        outages = self.outages
        try:
            hold = await self._remote.hold(hold_id, caps, amounts, lease)
        except StoreAwayError as error:
            self._leave(error)
            return None
        return hold if self.outages == outages else None

    def _owe(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        self._local.book(hold_id, {})
        self._arrears.note(hold_id, scopes, spent)

    def _begin_alone(self) -> None:
        self._alone.begin(self._arrears.running)

    async def _try_to_return(self) -> None:
        """Come back once Redis has heard of everything.

        New holds wait for the last of it: what is held here and not there would be granted to
        others again. What is spent in these moments is told with the next heartbeat, and is held
        until then.
        """
        try:
            memory = await self._remote.memory()
            forgot = memory != self._memory
            if forgot and not await self._restore():
                return
            await self._tell_of_others(self._alone.heard)
            held = await self._arrears.hold_again({})
            await self._arrears.tell()
            self._switching = trio.Event()
            await self._arrears.hold_again(held)
            await self._arrears.tell()
        except StoreAwayError:
            return
        else:
            # From here on there is no await: nothing is held here unnoticed.
            self._return(memory, forgot=forgot)
        finally:
            if self._switching is not None:
                self._switching.set()
                self._switching = None

    async def _restore(self) -> bool:
        """Tell a Redis that has forgotten what was spent; False when that cannot be known now.

        A replica that has never reached Redis knows nothing that Redis could have forgotten.
        """
        told = await self.books() if self.books is not None else {}
        if told is None and self._memory is not None:
            return False
        await self._tell_of_others(told or {})
        await self._arrears.tell_all()
        return True

    async def _tell_of_others(self, told: Mapping[str, Mapping[str, int]]) -> None:
        for replica, spent in told.items():
            await self._remote.raise_spent(spent, replica)

    def _return(self, memory: bytes, *, forgot: bool) -> None:
        self._alone.end()
        away = trio.current_time() - (self.away_since or 0.0)
        self.away_since, self._memory = None, memory
        self.epoch += forgot
        logger.warning("redis is back after %.1f s", away)

    async def _beat(self) -> None:
        self._arrears.drop_ended()
        try:
            memory = await self._remote.memory()
            if self._memory not in (None, memory):
                # It was restarted, and nobody happened to ask it meanwhile.
                self._leave(StoreAwayError("it has forgotten what it knew"))
                return
            self._memory = memory
            await self._arrears.tell()
            await self._remote.publish("replicas", b"", 5 * HEARTBEAT_SECONDS)
            self.replicas = max(1, len(await self._remote.collect("replicas")))
        except StoreAwayError as error:
            self._leave(error)
