"""What an upstream was sent, for tests to look at: in this process only, never told over HTTP."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from omen.sim.http import HttpRequest

_KEYS = frozenset({"authorization", "x-api-key", "api-key", "proxy-authorization", "cookie"})
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it came, without the key in it. `path` has its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """The body read as JSON; None when there is none, or it is something else.

        Read when asked for: a benchmark must not pay for what it does not look at.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


class ReceivedRequests:
    """The latest requests, oldest first: as many as `most`, and not too many bytes of them."""

    def __init__(self, most: int) -> None:
        self._kept: deque[ReceivedRequest] = deque()
        self._most = most
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[ReceivedRequest]:
        return iter(self._kept)

    def __getitem__(self, index: int) -> ReceivedRequest:
        return self._kept[index]

    def add(self, request: HttpRequest) -> None:
        """Keep a request, and forget the oldest ones that there is no room for."""
        headers = {name: value for name, value in request.headers.items() if name not in _KEYS}
        self._kept.append(ReceivedRequest(request.method, request.target, headers, request.body))
        self._bytes += len(request.body)
        while len(self._kept) > self._most or (self._bytes > _MOST_BYTES and len(self._kept) > 1):
            self._bytes -= len(self._kept.popleft().content)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
        self._bytes = 0
