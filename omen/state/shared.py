"""The shared store: Redis while it answers, otherwise this replica's own share in memory.

The first call that fails marks Redis as unavailable. From then on only one task calls Redis, twice
a second, so that no request waits for a server that does not answer. Meanwhile the store in memory
keeps the limits. Each rate limit is divided by the last known number of replicas, and so is the
unspent part of each budget. Redis counts as available again once it has all reports: the costs of
this replica, the holds of its running requests, and, if Redis lost its data, the costs of all
replicas according to the ledger. A report counts once, however often it is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import trio

from omen.state._alone import Alone
from omen.state._arrears import Arrears, Running
from omen.state._remote import Remote
from omen.state._switched import Switched
from omen.state.memory import MemoryStore
from omen.state.store import Cap, Hold, StoreAwayError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
HEARTBEAT_SECONDS = 2.0

Books = Callable[[], Awaitable[Mapping[str, Mapping[str, int]] | None]]
"""Returns the costs according to the ledger, by replica and scope; None if it cannot be read."""


class SharedStore(Switched):
    """See `omen.state.store.Store`. Its `run` is a task of the gateway."""

    def __init__(self, remote: Remote, local: MemoryStore) -> None:
        super().__init__(remote, local)
        self._arrears = Arrears(remote)
        self._alone = Alone(local, remote.known, self._arrears.spent)
        self._return_decided: trio.Event | None = None
        """While a return to Redis is in its last step: set when the step has succeeded or failed.
        New holds wait for it."""
        self._data_id: bytes | None = None
        """The id of the data in Redis, as last read; None if Redis was never reached."""
        self.books: Books | None = None
        """Reads the costs from the ledger, for a Redis that lost its data."""
        self.epoch = 0

    def __repr__(self) -> str:
        state = "away" if self.is_away else "there"
        return f"<SharedStore {state}, {self.replicas} replicas, {self.waiting_notes} notes>"

    @property
    def waiting_notes(self) -> int:
        """The number of ended requests that were not reported to Redis yet."""
        return len(self._arrears.notes)

    @property
    def lost_notes(self) -> int:
        """The number of ended requests that will not be reported. Their costs will be."""
        return self._arrears.lost_notes

    async def run(self) -> None:
        """Send heartbeats to Redis, and test whether it answers, until cancelled."""
        while True:
            if self.is_away:
                await self._try_to_return()
            else:
                await self._heartbeat()
            await trio.sleep(RETRY_SECONDS if self.is_away else HEARTBEAT_SECONDS)

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Hold money, in Redis or in this replica's share."""
        hold: Hold | None = None
        while hold is None:
            while self._return_decided is not None:
                # Redis has just answered. This takes a few calls, each with its timeout.
                await self._return_decided.wait()
            if self.is_away:
                share = self._alone.caps(caps, self.replicas)
                hold = await self._local.hold(hold_id, share, amounts, lease)
            else:
                hold = await self._hold_remotely(hold_id, caps, amounts, lease)
        if hold.granted is not None:
            scopes, until = tuple(cap.scope for cap in caps), trio.current_time() + lease
            self._arrears.running[hold_id] = Running(scopes, hold.granted, until)
        return hold

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Release the hold and add the costs. If Redis is unavailable, report them later."""
        self._arrears.settle(hold_id, spent)
        if not self.is_away:
            try:
                await self._remote.settle(hold_id, scopes, spent)
            except StoreAwayError as error:
                self._mark_away(error)
            except trio.Cancelled:
                # The call may or may not have taken effect. A second report does not count twice.
                self._settle_later(hold_id, scopes, spent)
                raise
            else:
                return
        self._settle_later(hold_id, scopes, spent)

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the costs. Without Redis: the last known ones of others, plus this replica's."""
        if not self.is_away:
            try:
                return await self._remote.spent(scopes)
            except StoreAwayError as error:
                self._mark_away(error)
        return self._alone.spent(scopes)

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise the costs of a replica."""
        if not self.is_away:
            try:
                await self._remote.raise_spent(spent, *(() if by is None else (by,)))
            except StoreAwayError as error:
                self._mark_away(error)
            else:
                return
        self._alone.raise_spent(spent, None if by == self.replica else by)

    async def _hold_remotely(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold | None:
        """Hold money in Redis. Return None if Redis failed meanwhile; the caller then tries again.

        After an outage, the answer is not used: the local store may have granted the same money to
        another request. At its return Redis gets a report of the actual holds.
        """
        outages = self.outages
        try:
            hold = await self._remote.hold(hold_id, caps, amounts, lease)
        except StoreAwayError as error:
            self._mark_away(error)
            return None
        return hold if self.outages == outages else None

    def _settle_later(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        self._local.book(hold_id, {})
        self._arrears.note(hold_id, scopes, spent)

    def _begin_alone(self) -> None:
        self._alone.begin(self._arrears.running)

    async def _try_to_return(self) -> None:
        """Return to Redis after all reports.

        The first round reports while requests go on. The second one reports the rest, and new holds
        wait for it: a hold that is only local would be granted to other replicas again. Costs that
        are added during the second round are reported with the next heartbeat, and stay held until
        then.
        """
        try:
            data_id = await self._remote.data_id()
            lost = data_id != self._data_id
            if lost and not await self._restore():
                return
            await self._report_others(self._alone.ledger_of_others)
            held = await self._arrears.hold_again({})
            await self._arrears.report()
            self._return_decided = trio.Event()
            await self._arrears.hold_again(held)
            await self._arrears.report()
        except StoreAwayError:
            return
        else:
            # No await from here to the end: otherwise a hold could be added after the report.
            self._mark_back(data_id, lost=lost)
        finally:
            if self._return_decided is not None:
                self._return_decided.set()
                self._return_decided = None

    async def _restore(self) -> bool:
        """Report all costs to a Redis that lost its data. Return False if the ledger fails.

        If this replica has never reached Redis, it returns True even without the ledger: Redis may
        have its data, and this replica cannot know of a loss.
        """
        spending = await self.books() if self.books is not None else {}
        if spending is None and self._data_id is not None:
            return False
        await self._report_others(spending or {})
        await self._arrears.report_all()
        return True

    async def _report_others(self, spending: Mapping[str, Mapping[str, int]]) -> None:
        for replica, spent in spending.items():
            await self._remote.raise_spent(spent, replica)

    def _mark_back(self, data_id: bytes, *, lost: bool) -> None:
        self._alone.end()
        outage = trio.current_time() - (self.away_since or 0.0)
        self.away_since, self._data_id = None, data_id
        self.epoch += lost
        logger.warning("%s answers again after %.1f s", self.kind, outage)

    async def _heartbeat(self) -> None:
        self._arrears.drop_ended()
        try:
            data_id = await self._remote.data_id()
            if self._data_id not in (None, data_id):
                # Redis was restarted, and no call happened to fail meanwhile.
                self._mark_away(StoreAwayError("it lost its data"))
                return
            self._data_id = data_id
            await self._arrears.report()
            await self._remote.publish("replicas", b"", 5 * HEARTBEAT_SECONDS)
            self.replicas = max(1, len(await self._remote.collect("replicas")))
        except StoreAwayError as error:
            self._mark_away(error)
