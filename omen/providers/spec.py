"""What a provider module offers.

The module itself is the value: it needs no class, and no registration beyond a line in
`_registry.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.events import Event
from omen.core.frames import Frame, Framing, WireRequest


class Decoder(Protocol):
    """Turns the frames of one upstream answer into events. One per attempt; no I/O."""

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one frame.

        **Raises.** `UpstreamFailure` for an error the upstream reported inside its 200, and for a
        frame that is not its wire format (`PROTOCOL`).
        """
        ...

    def end(self) -> Sequence[Event]:
        """Say what the end of the bytes means: the `AnswerEnd` still owed, or nothing.

        **Raises.** `UpstreamFailure` (`TRUNCATED`) when the answer was not complete.
        """
        ...


class ProviderSpec(Protocol):
    """The surface of a provider module."""

    @property
    def NAME(self) -> str: ...

    @property
    def BASE_URL(self) -> str | None: ...

    @property
    def FRAMING(self) -> Framing: ...

    def encode(self, request: ChatRequest, candidate: Candidate) -> WireRequest:
        """Write the request for this candidate, always asking for a stream and for usage.

        **Raises.** `UpstreamFailure` (`UNSUPPORTED`) when this wire format cannot say it.
        """
        ...

    def decoder(self, request: ChatRequest, candidate: Candidate) -> Decoder:
        """Make a decoder for the answer to one request, as `encode` wrote it."""
        ...

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        """Say what an answer that is not a stream means. Header names are lower case."""
        ...
