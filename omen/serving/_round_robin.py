"""Which HTTP/2 streams have something to send, and whose turn it is.

It stands where hypercorn has a tree of priorities, from the library `priority`. HTTP/2's priorities
are deprecated and ignored here (RFC 9113, section 5.3.2), and without them the tree is not even
fair: it puts a newcomer where the last one was served, before all that were served already. On a
connection where short answers come and go by the hundred, one that took two turns waited for more
than half a minute (measured 2026-11-26). It also walks past every stream that has nothing to send,
and has a limit of streams with an exception for one too many.
"""

from __future__ import annotations

from priority.priority import DeadlockError, DuplicateStreamError, MissingStreamError


class RoundRobin:
    """Round robin: each stream that is ready has one turn, then all the others have theirs.

    **Raises.** What hypercorn expects of its tree: `DeadlockError` when no stream is ready,
    `MissingStreamError` for one that is not known, `DuplicateStreamError` for one that is.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._ready: dict[int, None] = {}  # the next one first

    def __len__(self) -> int:
        return len(self._known)

    def __next__(self) -> int:
        for stream_id in self._ready:
            del self._ready[stream_id]
            self._ready[stream_id] = None
            return stream_id
        raise DeadlockError("no stream has anything to send")

    def insert_stream(self, stream_id: int) -> None:
        """Take a stream in; it is ready."""
        if stream_id in self._known:
            raise DuplicateStreamError(f"stream {stream_id} is there already")
        self._known.add(stream_id)
        self._ready[stream_id] = None

    def remove_stream(self, stream_id: int) -> None:
        """Take a stream out."""
        self._check(stream_id)
        self._known.remove(stream_id)
        self._ready.pop(stream_id, None)

    def block(self, stream_id: int) -> None:
        """Note that a stream has nothing to send, or no window for it."""
        self._check(stream_id)
        self._ready.pop(stream_id, None)

    def unblock(self, stream_id: int) -> None:
        """Note that a stream may have something to send. If it was not ready, it comes last."""
        self._check(stream_id)
        self._ready.setdefault(stream_id)

    def _check(self, stream_id: int) -> None:
        if stream_id not in self._known:
            raise MissingStreamError(f"stream {stream_id} is not there")
