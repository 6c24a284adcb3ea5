"""The record of one request, whatever its door: from its arrival to its end.

Every request has one, also a request that was refused before a race was planned. It holds names,
times and numbers, and never a part of a prompt or an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.core.records import RaceRecord
from omen.core.trace import RawHeaders, Trace

Door = Literal[
    "chat",
    "completions",
    "responses",
    "responses_websocket",
    "embeddings",
    "messages",
    "count_tokens",
    "ollama",
    "websocket",
    "grpc",
    "operations",
    "unknown",
]
"""The API of a request. `operations`: every route that asks no model. `unknown`: no such route."""
DOORS: tuple[Door, ...] = get_args(Door)
Result = Literal["answered", "refused", "failed", "client_left", "shutdown"]
"""How a request ended. `refused`: OMEN did not accept it (its key, its form, a limit, a budget).
`failed`: it was accepted, and ended in an error. `shutdown`: OMEN stopped before its end."""
CLIENT_LEFT, SHUT_DOWN = 499, 503
"""The statuses of requests that ended without one: nginx's for a client that left, and
`Service Unavailable`."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(slots=True, eq=False)
class RequestRecord:
    """One request, updated while it runs. `accepted_at` and `ended_at` are on trio's clock."""

    door: Door
    method: str
    path: str
    """The path as the client sent it, without the query."""
    accepted_at: float
    accepted_unix: float
    """`accepted_at` in Unix time."""
    request_id: str = ""
    caller: Caller | None = None
    """None while the caller is not identified. So it stays if its key was refused."""
    model: str = ""
    """The model as the caller named it."""
    race: RaceRecord | None = None
    """None until a race is planned."""
    sent_status: int | None = None
    """The status of the response, if its head was sent."""
    error_code: str | None = None
    error_status: int | None = None
    is_refused: bool = False
    is_complete: bool = False
    """Whether the end of the response was handed over to the server."""
    was_cancelled: bool = False
    """Whether the task of the request was cancelled from outside: the server stopped."""
    left: bool = False
    """Whether the client left before a race was planned that records it."""
    ended_at: float | None = None
    trace: Trace | None = None
    """The trace that the request belongs to; None if it belongs to none."""

    def set_race(self, race: RaceRecord) -> None:
        """Record the race that was planned for the request, which continues its trace."""
        self.race, race.trace = race, self.trace

    def set_error(self, error: OmenError) -> None:
        """Record the error that the client gets. Only the first one counts."""
        if self.error_code is not None:
            return
        code = error.code or error.type
        # Upstreams choose some codes. Anything but a plain word could quote the prompt.
        self.error_code = code if _CODE.fullmatch(code) else error.type
        self.error_status = error.status
        self.is_refused = isinstance(error, RequestError)

    @property
    def client_left(self) -> bool:
        """Whether the client left before the end of its response."""
        return self.left or (self.race is not None and self.race.client_left_at is not None)

    @property
    def status(self) -> int:
        """The HTTP status. After a 200 went out, that of the error in the middle of the answer."""
        sent = self.sent_status
        if self.error_status is not None:
            return sent if sent is not None and sent >= 400 else self.error_status
        if self.is_complete and sent is not None:
            return sent
        return SHUT_DOWN if self.was_cancelled and not self.client_left else CLIENT_LEFT

    @property
    def result(self) -> Result:
        """How the request ended."""
        if self.error_status is not None:
            return "refused" if self.is_refused else "failed"
        if not self.is_complete:
            return "shutdown" if self.status == SHUT_DOWN else "client_left"
        if self.status < 400:
            return "answered"
        return "refused" if self.status < 500 else "failed"


class BeginTrace(Protocol):
    """Returns the trace of a request that begins, from its headers; None if it belongs to none."""

    def __call__(self, record: RequestRecord, headers: RawHeaders, /) -> Trace | None: ...


class RequestObserver(Protocol):
    """Receives each request once, when it has ended. Synchronous and fast."""

    def __call__(self, record: RequestRecord, /) -> None: ...
