"""The last response of each stream of a socket, with the conversation that led to it.

A turn names the response that it continues and brings the new items only, so the socket keeps the
rest: in memory, as JSON, until the stream's next response or the socket's end. What does not fit is
forgotten. Its client then gets `previous_response_not_found` and sends the whole conversation, as
it does after a reconnect.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.front.responses_socket._frames import Items

DEFAULT_LIMIT = 128 * 1024 * 1024
_ITEM_BYTES = 64
"""What an item takes beside its JSON."""


@dataclass(frozen=True, slots=True)
class _Kept:
    response_id: str
    items: Items
    size: int


class ConversationBudget:
    """The bytes that the conversations of all sockets share; `limit` and `used` are bytes."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self._holders: set[Conversations] = set()

    def __repr__(self) -> str:
        return f"<ConversationBudget {self.used} of {self.limit}, {len(self._holders)} sockets>"

    def open(self, most: int) -> Conversations:
        """Return the conversations of a new socket, of at most `most` bytes; `close` them."""
        holder = Conversations(self, most)
        self._holders.add(holder)
        return holder

    def make_room(self, size: int) -> None:
        """Forget the oldest of the socket that holds most, until `size` bytes fit."""
        while self.used + size > self.limit:
            max(self._holders, key=lambda holder: holder.used).forget_oldest()

    def remove(self, holder: Conversations) -> None:
        """Count a socket no longer."""
        self._holders.discard(holder)


class Conversations:
    """What one socket keeps: one response a stream. `used` is bytes."""

    def __init__(self, budget: ConversationBudget, most: int) -> None:
        self._budget = budget
        self._most = min(most, budget.limit)
        self._kept: dict[str | None, _Kept] = {}
        self.used = 0

    def __repr__(self) -> str:
        return f"<Conversations {len(self._kept)}, {self.used} bytes>"

    def find(self, response_id: str) -> Items | None:
        """Return the items of the conversation up to a response, its output included."""
        for kept in self._kept.values():
            if kept.response_id == response_id:
                return kept.items
        return None

    def keep(self, stream_id: str | None, response_id: str, items: Items) -> None:
        """Keep the last response of a stream instead of the one before, if there is room."""
        self._drop(stream_id)
        size = sum(map(len, items)) + _ITEM_BYTES * (len(items) + 1)
        if size > self._most:
            return
        while self.used + size > self._most:
            self.forget_oldest()
        self._budget.make_room(size)
        self._kept[stream_id] = _Kept(response_id, items, size)
        self.used += size
        self._budget.used += size

    def forget(self, response_id: str) -> None:
        """Forget a response that a turn could not continue."""
        for stream_id, kept in list(self._kept.items()):
            if kept.response_id == response_id:
                self._drop(stream_id)

    def forget_oldest(self) -> None:
        """Forget the response that was kept first."""
        self._drop(next(iter(self._kept)))

    def close(self) -> None:
        """Forget everything: the socket is gone."""
        for stream_id in list(self._kept):
            self._drop(stream_id)
        self._budget.remove(self)

    def _drop(self, stream_id: str | None) -> None:
        kept = self._kept.pop(stream_id, None)
        if kept is not None:
            self.used -= kept.size
            self._budget.used -= kept.size
