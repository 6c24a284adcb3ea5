"""Redis while it answers, and this replica's own share of everything while it does not.

A call that finds Redis away says so once, and from then on nobody asks it but one task, twice a
second: no request waits for a server that is known not to answer. Meanwhile the store in memory
keeps the limits, each divided by the number of replicas that were last seen; of a budget, what is
left of it is divided. What is spent in that time is written down, and told to Redis first when
it is back, before anybody asks it again. Each of those notes counts once, however often it is told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import trio

from omen.state.memory import MemoryStore
from omen.state.store import Cap, Hold, StoreAwayError, Window, WindowState

if TYPE_CHECKING:
    from omen.state.redis import RedisStore

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

RETRY_SECONDS = 0.5
HEARTBEAT_SECONDS = 2.0
MOST_NOTES = 100_000
"""Of what was spent while Redis was away; further ones are lost, and counted."""


@dataclass(frozen=True, slots=True)
class _Note:
    hold_id: str
    scopes: Sequence[str]
    spent: Mapping[str, int]


class SharedStore:
    """See `omen.state.store.Store`. Its `run` belongs into a nursery."""

    def __init__(self, remote: RedisStore, local: MemoryStore) -> None:
        self._remote = remote
        self._local = local
        self._notes: deque[_Note] = deque()
        self.away_since: float | None = None
        """On trio's clock; None while Redis answers."""
        self._memory: bytes | None = None
        """What Redis remembered when it was asked last; None: it never was."""
        self.epoch = 0
        self.replicas = 1
        """How many were seen last."""
        self.outages = 0
        self.lost_notes = 0
        """Of what was spent and Redis will never hear of. The ledger has it."""

    def __repr__(self) -> str:
        how = "away" if self.is_away else "there"
        return f"<SharedStore {how}, {self.replicas} replicas, {len(self._notes)} notes>"

    @property
    def replica(self) -> str:
        """What this process is called among the others."""
        return self._remote.replica

    @property
    def is_away(self) -> bool:
        """Whether each replica is on its own now."""
        return self.away_since is not None

    @property
    def waiting_notes(self) -> int:
        """How much spending Redis has not heard of yet."""
        return len(self._notes)

    async def run(self) -> None:
        """Tell Redis that this replica lives, and find out whether Redis does, until cancelled."""
        while True:
            if self.is_away:
                await self._try_to_return()
            else:
                await self._tell_what_is_left()
                await self._beat()
            await trio.sleep(RETRY_SECONDS if self.is_away else HEARTBEAT_SECONDS)

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set money aside."""
        return await self._either(
            lambda: self._remote.hold(hold_id, caps, amounts, lease),
            lambda: self._local.hold(hold_id, self._own_caps(caps), amounts, lease),
        )

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back and add up; if nobody can be told now, later."""
        await self._local.settle(hold_id, scopes, spent if self.is_away else {})
        if not self.is_away:
            try:
                await self._remote.settle(hold_id, scopes, spent)
            except StoreAwayError as error:
                self._leave(error)
                await self._local.settle(hold_id, (), spent)
            except trio.Cancelled:
                # Whether it was done nobody knows; told twice it counts once.
                self._note(_Note(hold_id, scopes, spent))
                raise
            else:
                return
        self._note(_Note(hold_id, scopes, spent))

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Say what was spent; while cut off, what was known and what was spent here since."""
        return await self._either(
            lambda: self._remote.spent(scopes), lambda: self._own_spent(scopes)
        )

    async def raise_spent(self, spent: Mapping[str, int]) -> None:
        """Raise what was spent."""
        for scope, amount in spent.items():
            self._remote.known[scope] = max(self._remote.known.get(scope, 0), amount)
        await self._either(lambda: self._remote.raise_spent(spent), _nothing)

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count, if there is room."""
        return await self._either(
            lambda: self._remote.take(windows), lambda: self._local.take(self._own(windows))
        )

    async def count(self, windows: Sequence[Window]) -> None:
        """Count in any case."""
        await self._either(
            lambda: self._remote.count(windows), lambda: self._local.count(self._own(windows))
        )

    async def get(self, key: str) -> bytes | None:
        """Look a value up."""
        return await self._either(lambda: self._remote.get(key), lambda: self._local.get(key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value."""
        await self._either(
            lambda: self._remote.put(key, value, ttl), lambda: self._local.put(key, value, ttl)
        )

    async def clear(self, prefix: str) -> int:
        """Forget values, here as well: they may be older than what others said since."""
        here = await self._local.clear(prefix)
        return here + await self._either(lambda: self._remote.clear(prefix), _none_cleared)

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Tell the other replicas, if they can be told."""
        await self._either(lambda: self._remote.publish(topic, value, ttl), _nothing)

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Hear of the other replicas; of nobody while cut off."""
        return await self._either(lambda: self._remote.collect(topic), _nobody)

    async def _either(
        self, remote: Callable[[], Awaitable[_T]], local: Callable[[], Awaitable[_T]]
    ) -> _T:
        if not self.is_away:
            try:
                return await remote()
            except StoreAwayError as error:
                self._leave(error)
        return await local()

    def _leave(self, error: StoreAwayError) -> None:
        if self.away_since is None:
            self.away_since = trio.current_time()
            self.outages += 1
            share = f"one of {self.replicas}" if self.replicas > 1 else "all"
            logger.warning("redis is away (%s): keeping limits alone, %s of each", error, share)

    async def _try_to_return(self) -> None:
        """Come back once Redis has heard of everything that was spent.

        If it has forgotten what was spent before, the ledger has to tell it all of that, and what
        was spent meanwhile is in there, too: the notes are void. If it has not, the ledger must
        not be asked: what other replicas have spent and not told yet would count twice.
        """
        try:
            memory = await self._remote.memory()
            forgot = memory != self._memory
            if forgot and self._memory is not None:
                self._notes.clear()
            self._memory = memory
            await self._tell()
        except StoreAwayError:
            return
        # From here to the end there is no await: nobody spends here unnoticed.
        self._local.forget_budgets()
        away = trio.current_time() - (self.away_since or 0.0)
        self.away_since = None
        if forgot:
            self.epoch += 1
        logger.warning("redis is back after %.1f s", away)

    async def _tell_what_is_left(self) -> None:
        try:
            await self._tell()
        except StoreAwayError as error:
            self._leave(error)

    async def _tell(self) -> None:
        while self._notes:
            note = self._notes[0]
            await self._remote.settle(note.hold_id, note.scopes, note.spent)
            self._notes.popleft()

    def _note(self, note: _Note) -> None:
        if len(self._notes) >= MOST_NOTES:
            self.lost_notes += 1
        else:
            self._notes.append(note)

    async def _beat(self) -> None:
        try:
            memory = await self._remote.memory()
            if self._memory not in (None, memory):
                self.epoch += 1  # it was restarted, and nobody happened to ask it meanwhile
            self._memory = memory
            await self._remote.publish("replicas", b"", 5 * HEARTBEAT_SECONDS)
            self.replicas = max(1, len(await self._remote.collect("replicas")))
        except StoreAwayError as error:
            self._leave(error)

    def _own_caps(self, caps: Sequence[Cap]) -> list[Cap]:
        known = self._remote.known
        return [
            Cap(cap.scope, max(0, cap.limit - known.get(cap.scope, 0)) // self.replicas)
            for cap in caps
        ]

    def _own(self, windows: Sequence[Window]) -> list[Window]:
        return [Window(w.scope, max(1, w.limit // self.replicas), w.amount) for w in windows]

    async def _own_spent(self, scopes: Sequence[str]) -> Sequence[int]:
        here = await self._local.spent(scopes)
        return [self._remote.known.get(s, 0) + n for s, n in zip(scopes, here, strict=True)]


async def _nothing() -> None:
    return None


async def _none_cleared() -> int:
    return 0


async def _nobody() -> Mapping[str, bytes]:
    return {}
