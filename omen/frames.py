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
