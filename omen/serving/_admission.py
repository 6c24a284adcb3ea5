"""Admission: an answer that is given when the head of a request is complete, before anything else.

The server asks before it makes a task, a queue or a scope for the request. It does not know why a
request is refused. The refusal is a whole response in prepared bytes, so that it costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Refusal:
    """A whole response. `headers` have small letters, and include the length of the body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Admission(Protocol):
    """Decides from its head whether a request may come in. Synchronous and fast."""

    def consider(
        self,
        method: bytes,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        client: str | None,
    ) -> Refusal | None:
        """Return None if the request may come in, else the response that it gets.

        `path` is the request's target as it was sent, with its query. The names of the headers have
        small letters. `client` is the client's address without its port.
        """
        ...


@runtime_checkable
class EarlyAdmission(Admission, Protocol):
    """An admission that may be asked before a request is parsed, while it refuses requests."""

    @property
    def refuses(self) -> bool:
        """Whether requests are refused now, so that it is worth looking at a head early."""
        ...

    def consider_early(
        self,
        method: bytes,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        client: str | None,
    ) -> Refusal | None:
        """Decide as `consider` does, which is called for a request that comes in all the same."""
        ...

    def admits_unread(self, client: str) -> bool:
        """Return whether a connection from this address comes in whose requests are encrypted."""
        ...
