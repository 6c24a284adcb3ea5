"""The plain values that providers and the transport exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from omen.core.values import value

Framing = Literal["sse", "ndjson"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request that is ready to send. Headers may hold a key, so a `repr` never shows them.

    `streams`: whether a stream is requested. If not, the whole answer arrives at once.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    streams: bool = True


@value
class Frame:
    """One message of a stream: an SSE event with its data joined, or one line of NDJSON.

    `event` is the SSE event name; it is empty for an event without a name. `data` is undecoded
    UTF-8.
    """

    data: bytes
    event: str = ""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rest of the gateway's rate limits, as an upstream reports it in its response headers.

    None where the upstream reports nothing. Where it reports several limits of one kind (a
    project's and an organisation's, of input and of output) this is the limit with the least left.

    **Units.** The resets are seconds, from the response until the whole limit is available again.
    """

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_requests_seconds: float | None = None
    reset_tokens_seconds: float | None = None
