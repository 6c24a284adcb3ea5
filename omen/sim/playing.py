"""Plays a script on a connection, in time, while watching whether anyone still listens."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from omen.sim.connection import Connection
from omen.sim.stats import StreamRecord, StreamStats
from omen.sim.steps import Abort, Hang, Head, Interim, Raw, Send, Step

_MOST_AT_ONCE = 64
"""Tokens that are due at once leave in one piece, but not more than this many."""


async def play(
    script: Iterator[Step], connection: Connection, stats: StreamStats, record: StreamRecord
) -> None:
    """Send what the script says, when it says it, and close the record with how it ended.

    Steps are timed from the start and not from one another, so that late wake-ups do not add up.

    **Cancellation.** The record ends as `stopped`.
    """
    player = _Player(connection, stats, record)
    try:
        await player.play(script)
    except trio.BrokenResourceError:
        stats.end(record, "closed_by_peer")
    finally:
        stats.end(record, "stopped")


class _Player:
    """One stream. Holds what is due and not yet written."""

    def __init__(self, connection: Connection, stats: StreamStats, record: StreamRecord) -> None:
        self._connection = connection
        self._stats = stats
        self._record = record
        self._pieces: list[bytes] = []
        self._tokens = 0

    async def play(self, script: Iterator[Step]) -> None:
        abort: Abort | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            try:
                abort = await self._perform(script)
            except trio.BrokenResourceError:
                self._stats.end(self._record, "closed_by_peer")
            nursery.cancel_scope.cancel()
        if self._record.ending is not None:
            return
        # The last write comes after the watch is over: a peer that has everything may close
        # before this task runs again, and that is not leaving early.
        if abort is not None:
            await self._connection.abort(reset=abort.reset)
        else:
            self._pieces.append(self._connection.end())
            await self._flush()
        self._stats.end(self._record, "fault" if self._record.fault else "finished")

    async def _watch(self, scope: trio.CancelScope) -> None:
        await self._connection.wait_until_peer_leaves()
        self._stats.end(self._record, "closed_by_peer")
        scope.cancel()

    async def _perform(self, script: Iterator[Step]) -> Abort | None:
        """Play to the end, leaving the last pieces unwritten. Return the `Abort` if there is one.

        A `Hang` ends only when the watch ends it.
        """
        due = trio.current_time()
        for step in script:
            if isinstance(step, Hang):
                await self._flush()
                await trio.sleep_forever()
            due += step.after
            if due > trio.current_time() or self._tokens >= _MOST_AT_ONCE:
                await self._flush()
                await trio.sleep_until(due)
            match step:
                case Head():
                    self._pieces.append(self._connection.head(step.status, step.headers))
                case Send():
                    self._pieces.append(self._connection.data(step.data))
                    self._tokens += step.tokens
                case Interim():
                    self._pieces.append(self._connection.interim(step.status))
                case Raw():
                    self._pieces.append(step.data)
                case Abort():
                    await self._flush()
                    return step
        return None

    async def _flush(self) -> None:
        if not self._pieces:
            return
        data, tokens = b"".join(self._pieces), self._tokens
        self._pieces.clear()
        self._tokens = 0
        # The time before the write: the peer may read it before this task runs again.
        moment = self._stats.now()
        await self._connection.write(data)
        self._stats.sent(self._record, tokens, at=moment)
