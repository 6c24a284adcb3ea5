"""Refuses requests at little cost, while the admission refuses requests at all.

A refusal must cost much less than an answer, or a flood of requests takes the time of those that
were admitted. So there are three short ways, and each of them ends in one system call:

- A new connection whose whole request is here already is answered when it is accepted. No task and
  no parser is made for it.
- A kept connection between two requests is answered by its reading task, as soon as that has read a
  whole request. No handler, queue or scope is made.
- A new TLS connection is closed before its handshake, which would cost more than many refusals.

There is one grammar of requests: these ways use it, and leave everything odd to the long way.

The number of refusals in one pass of the scheduler is bounded. A flood is refused a little later,
but between two of its batches everything that was admitted has its turn.
"""

from __future__ import annotations

import trio

from omen.serving._admission import EarlyAdmission, Refusal
from omen.serving._h1_framing import Framing, PrefaceError
from omen.serving._h1_head import FramingError, Head
from omen.serving._h1_response import date_line, whole_response
from omen.serving._h1_target import Target, read_target
from omen.serving._h1_upgrade import names_websocket
from omen.serving._settings import MAX_HEAD

MOST_IN_A_PASS = 32
"""Refusals on kept connections in one pass of the scheduler, and as many on new connections. Each
costs about 50 µs, so refusals lengthen a pass by some 3 ms, and every other task has its turn after
that."""
MOST_PREPARED = 32
"""Responses that are kept as bytes. An admission has a few, one for each dialect."""


class Turnstile:
    """Lets a number of tasks pass in each pass of the scheduler; the others wait for the next.

    What waits takes no time, however much it is.
    """

    def __init__(self, most: int = MOST_IN_A_PASS) -> None:
        self._most = self._left = most
        self._waiting = trio.lowlevel.ParkingLot()
        self._is_armed = False

    async def enter(self) -> None:
        """Wait for a pass in which there is room. It is no checkpoint if there is room now."""
        self._arm()
        if self._left and not self._waiting:
            self._left -= 1
        else:
            await self._waiting.park()

    def _arm(self) -> None:
        if not self._is_armed:
            self._is_armed = True
            trio.lowlevel.current_trio_token().run_sync_soon(self._begin_pass)

    def _begin_pass(self) -> None:
        woken = len(self._waiting.unpark(count=self._most))
        self._left = self._most - woken
        self._is_armed = False
        if woken:
            self._arm()


class EarlyRefusals:
    """The refusals of an admission in the short ways."""

    def __init__(self, admission: EarlyAdmission) -> None:
        self._admission = admission
        self._prepared = _Prepared()
        self.turnstile = Turnstile()

    @property
    def active(self) -> bool:
        """Whether requests are refused now."""
        return self._admission.refuses

    def of_new(self, data: bytes, client: str) -> bytes | None:
        """Return the response to the request of a new connection, which is closed after it.

        None: the connection comes in.
        """
        return self._response(data, client, closes=True)

    def of_kept(self, data: bytes, client: str | None) -> bytes | None:
        """Return the response to the request of a kept connection, which stays open.

        None: the request is for the connection to find out about.
        """
        return self._response(data, client, closes=False)

    def admits_unread(self, client: str) -> bool:
        """Return whether a new connection comes in whose request cannot be read: it is TLS."""
        return self._admission.admits_unread(client)

    def _response(self, data: bytes, client: str | None, *, closes: bool) -> bytes | None:
        found = read_whole_request(data)
        if found is None:
            return None
        head, target = found
        if head.is_last and not closes:
            return None
        refusal = self._admission.consider_early(head.method, target.path, target.headers, client)
        return None if refusal is None else self._prepared.response(refusal, closes=closes)


class _Prepared:
    """The bytes of the refusals of this second. They differ only in their `Date`."""

    def __init__(self) -> None:
        self._date = b""
        self._responses: dict[tuple[int, bool], tuple[Refusal, bytes]] = {}

    def response(self, refusal: Refusal, *, closes: bool) -> bytes:
        date = date_line()
        if date is not self._date:
            self._date = date
            self._responses.clear()
        # The refusal is kept with its bytes, so its identity is not that of another one.
        key = id(refusal), closes
        if key not in self._responses:
            if len(self._responses) >= MOST_PREPARED:
                self._responses.clear()
            data = whole_response(refusal.status, refusal.headers, refusal.body, closes=closes)
            self._responses[key] = refusal, data
        return self._responses[key][1]


def read_whole_request(data: bytes) -> tuple[Head, Target] | None:
    """Return the one request that these bytes are; None for anything else.

    Whatever is odd about a request is for its connection to find out. So is a `HEAD`, whose
    response has no body.
    """
    framing = Framing(MAX_HEAD)
    framing.receive(data)
    try:
        head = framing.take_head()
        if head is None or head.method == b"HEAD" or names_websocket(head):
            return None
        if head.has_body:
            framing.take_body()
        target = read_target(head)
    except (FramingError, PrefaceError):
        return None
    return None if framing.held or not framing.ended else (head, target)
