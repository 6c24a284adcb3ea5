"""The steps an answer is made of: what goes on the wire, and how long after the step before.

A script is an iterator of them, played by `omen.sim.playing`. When it runs out, the response ends
as HTTP wants it ended; whether the answer in it was complete is another matter.

**Shape.** At most one `Head`, before every `Send`. Nothing follows an `Abort` or a `Hang`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omen.sim.http import HttpReply


@dataclass(frozen=True, slots=True)
class Head:
    """Send the status line and headers."""

    status: int
    headers: Sequence[tuple[str, str]]
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Send:
    """Send a piece of the body, which holds `tokens` generated tokens."""

    data: bytes
    after: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Interim:
    """Send an interim response (1xx), before the `Head`."""

    status: int
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Raw:
    """Send bytes as they are, in place of a response. Only an `Abort` or a `Hang` may follow."""

    data: bytes
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Abort:
    """Break the connection: by a reset, or else by closing it."""

    after: float = 0.0
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing more, ever, and keep the connection open."""


Step = Head | Send | Interim | Raw | Abort | Hang


def reply(whole: HttpReply, *, after: float = 0.0, tokens: int = 0) -> Iterator[Step]:
    """Send a whole response, its length announced."""
    length = ("content-length", str(len(whole.body)))
    yield Head(whole.status, (*whole.headers, length), after)
    yield Send(whole.body, tokens=tokens)
