"""The faults of the matrix: those of the simulator, and those of connecting and of the clock.

`expected` says what must come of a fault that every candidate has: the statuses of an error before
the answer, or `ANSWERED` where the fault is none for the client, or `BROKEN` where the answer has
begun.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from omen.sim import (
    Compressed,
    DeadConnection,
    Empty,
    Endless,
    ErrorIn200,
    Fault,
    Garbage,
    GiantLine,
    Interim,
    MidstreamError,
    Mislabeled,
    PingsOnly,
    Redirect,
    RoleOnly,
    Silence,
    Spent,
    Status,
    Truncated,
    Unstreamed,
    WhitespaceOnly,
    WrongType,
)

Dial = Callable[[], Awaitable[trio.abc.Stream]]
ANSWERED: Final = frozenset({200})
BROKEN: Final = frozenset({0})
LATE: Final = 7
"""Tokens after which an answer is far beyond its commit: one in ten of them is still to come."""


@dataclass(frozen=True, slots=True)
class FaultCase:
    """One row of the matrix."""

    name: str
    expected: frozenset[int]
    fault: Fault | None = None
    dial: Dial | None = None
    jumps: tuple[float, ...] = ()
    """By how many seconds the machine's clock jumps while the request runs."""
    storm: int = 1
    """The number of requests at the same time."""
    is_fatal: bool = False
    """Whether the request is at fault, so that no other candidate is tried."""

    @property
    def kind(self) -> str:
        """The simulator's word for it, or its own name."""
        return self.name if self.fault is None else self.fault.kind

    @property
    def heard(self) -> str:
        """What the client hears if every candidate has the fault, for the table."""
        if self.expected is ANSWERED:
            return "an answer"
        if self.expected is BROKEN:
            return "its beginning, then an error"
        return " or ".join(map(str, sorted(self.expected)))


def _raising(error: Exception) -> Dial:
    async def dial() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise error

    return dial


async def _swallowed() -> trio.abc.Stream:
    """Connect to a host that answers no SYN."""
    await trio.sleep_forever()
    raise AssertionError("unreachable")


def _status(status: int, *expected: int, fatal: bool = False) -> FaultCase:
    return FaultCase(
        f"status {status}", frozenset(expected), Status(1, status=status), is_fatal=fatal
    )


_STATUSES = (
    _status(400, 400, fatal=True),
    _status(401, 502),
    _status(402, 429),
    _status(403, 502),
    _status(404, 404, 502),
    _status(408, 502, 504),
    _status(413, 413),
    _status(429, 429),
    _status(500, 502),
    _status(502, 502),
    _status(503, 502, 503),  # Azure's is an outage: it asks for less by 429
    _status(504, 502, 504),
    _status(529, 503),
)
_CONNECTING = (
    FaultCase(
        "connection refused",
        frozenset({502}),
        dial=_raising(ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
    ),
    FaultCase(
        "DNS failure", frozenset({502}), dial=_raising(socket.gaierror(socket.EAI_NONAME, "name"))
    ),
    FaultCase(
        "TLS failure", frozenset({502}), dial=_raising(ssl.SSLCertVerificationError(1, "untrusted"))
    ),
    FaultCase("TLS garbled", frozenset({502}), dial=_raising(ssl.SSLError(1, "wrong version"))),
    FaultCase("connection swallowed", frozenset({504}), dial=_swallowed),
    FaultCase(
        "no descriptors of our own", frozenset({503}), dial=_raising(OSError(errno.EMFILE, "many"))
    ),
)
_BYTES = (
    FaultCase("reset before the head", frozenset({502}), DeadConnection(1, before_head=True)),
    FaultCase(
        "close before the head", frozenset({502}), DeadConnection(1, before_head=True, reset=False)
    ),
    FaultCase("reset early", frozenset({502}), DeadConnection(1, after_tokens=1)),
    FaultCase("reset late", BROKEN, DeadConnection(1, after_tokens=LATE)),
    FaultCase("close late", BROKEN, DeadConnection(1, after_tokens=LATE, reset=False)),
    FaultCase("garbage for a head", frozenset({502}), Garbage(1)),
    FaultCase("garbage in the stream", frozenset({502}), Garbage(1, before_head=False)),
    FaultCase("wrong type", frozenset({502}), WrongType(1)),
    FaultCase("giant line", frozenset({502}), GiantLine(1)),
    FaultCase("endless", BROKEN, Endless(1)),
    FaultCase("interim responses", ANSWERED, Interim(1)),
    FaultCase("flood of interim responses", frozenset({502, 504}), Interim(1, flood=True)),
    *(
        FaultCase(f"redirect {status}", frozenset({502}), Redirect(1, status))
        for status in (301, 302, 307)
    ),
    FaultCase("compressed", frozenset({502}), Compressed(1)),
    FaultCase("truncated early", frozenset({502}), Truncated(1, after_tokens=1)),
    FaultCase("truncated late", BROKEN, Truncated(1, after_tokens=LATE)),
)
_ANSWERS = (
    FaultCase("silence", frozenset({504}), Silence(1)),
    FaultCase("role only", frozenset({504}), RoleOnly(1)),
    FaultCase("pings only", frozenset({504}), PingsOnly(1)),
    FaultCase("blanks without end", frozenset({502, 504}), WhitespaceOnly(1)),
    FaultCase("blanks, ended properly", ANSWERED, WhitespaceOnly(1, proper_end=True)),
    FaultCase("error in a 200", frozenset({502, 503}), ErrorIn200(1)),
    FaultCase("error early", frozenset({502, 503}), MidstreamError(1, after_tokens=1)),
    FaultCase("error late", BROKEN, MidstreamError(1, after_tokens=LATE)),
    FaultCase("empty answer", frozenset({502}), Empty(1)),
    FaultCase("limit spent on thought", ANSWERED, Spent(1)),
    FaultCase("answer in one body", ANSWERED, Unstreamed(1)),
    FaultCase("another content type", ANSWERED, Mislabeled(1)),
)
_AROUND = (
    FaultCase("storm of 429", frozenset({429}), Status(1, status=429), storm=8),
    FaultCase("clock a month ahead", ANSWERED, jumps=(40 * 86400.0,)),
    FaultCase("clock two hours back", ANSWERED, jumps=(-7200.0,)),
    FaultCase("clock to and fro", ANSWERED, jumps=(86400.0, -86400.0, 3600.0)),
)
CASES: Sequence[FaultCase] = (*_STATUSES, *_CONNECTING, *_BYTES, *_ANSWERS, *_AROUND)
STRATEGIES = ("single", "race", "speculate_k", "parallel_merge")
