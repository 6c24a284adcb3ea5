"""The plain values that providers and the transport hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Framing = Literal["sse", "ndjson"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request ready to be sent. Headers may hold a key, so they never show in a `repr`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream: an SSE event with its data joined, or one line of NDJSON.

    `event` is the SSE event name, empty when none was given. `data` is undecoded UTF-8.
    """

    data: bytes
    event: str = ""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What an upstream said is left of the gateway's share, in the headers of an answer.

    None where it did not say. Where it has several limits of one thing (a project's and an
    organisation's, input's and output's) this is the one with the least left.

    **Units.** The resets are seconds from the answer on, until all of it is there again.
    """

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_requests_seconds: float | None = None
    reset_tokens_seconds: float | None = None
