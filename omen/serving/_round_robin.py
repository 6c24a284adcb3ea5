"""The HTTP/2 streams that have data to send, and the order of their turns.

This replaces hypercorn's tree of priorities, from the library `priority`. HTTP/2's priorities are
deprecated and ignored here (RFC 9113, section 5.3.2), and without them the tree is not fair: it
inserts a new stream at the position of the last turn, before all streams that have had one. On a
connection with hundreds of short answers, an answer that needed two turns waited for more than half
a minute (measured 2026-11-26). The tree also visits every stream without data, and it raises an
exception when there are too many streams.
"""

from __future__ import annotations

from priority.priority import DeadlockError, DuplicateStreamError, MissingStreamError


class RoundRobin:
    """Round robin: a ready stream has one turn, and its next one after all other ready streams.

    **Raises.** The exceptions of hypercorn's tree: `DeadlockError` if no stream is ready,
    `MissingStreamError` for an unknown stream, `DuplicateStreamError` for a known one.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._ready: dict[int, None] = {}  # in the order of turns

    def __len__(self) -> int:
        return len(self._known)

    def __next__(self) -> int:
        for stream_id in self._ready:
            del self._ready[stream_id]
            self._ready[stream_id] = None
            return stream_id
        raise DeadlockError("no stream has anything to send")

    def insert_stream(self, stream_id: int) -> None:
        """Add a stream. It is ready."""
        if stream_id in self._known:
            raise DuplicateStreamError(f"stream {stream_id} already exists")
        self._known.add(stream_id)
        self._ready[stream_id] = None

    def remove_stream(self, stream_id: int) -> None:
        """Remove a stream."""
        self._check(stream_id)
        self._known.remove(stream_id)
        self._ready.pop(stream_id, None)

    def block(self, stream_id: int) -> None:
        """Record that a stream has nothing to send, or no window to send it."""
        self._check(stream_id)
        self._ready.pop(stream_id, None)

    def unblock(self, stream_id: int) -> None:
        """Record that a stream may have data to send. If it was not ready, its turn comes last."""
        self._check(stream_id)
        self._ready.setdefault(stream_id)

    def _check(self, stream_id: int) -> None:
        if stream_id not in self._known:
            raise MissingStreamError(f"stream {stream_id} does not exist")
