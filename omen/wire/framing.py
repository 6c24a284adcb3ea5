"""Which reader takes the bytes of which framing apart."""

from __future__ import annotations

from typing import Protocol

from omen.core.frames import Frame, Framing
from omen.wire.ndjson import NDJSONReader
from omen.wire.sse import SSEReader


class FrameReader(Protocol):
    """Turns the bytes of one answer into frames, however they were cut. One per answer; no I/O."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; give the frames they completed.

        **Raises.** `UpstreamFailure` (`PROTOCOL`) for a frame larger than the reader's limit.
        """
        ...

    def end(self) -> list[Frame]:
        """Say that there are no more bytes; give what the framing lets the end complete."""
        ...


_READERS: dict[Framing, type[SSEReader] | type[NDJSONReader]] = {
    "sse": SSEReader,
    "ndjson": NDJSONReader,
}


def make_reader(framing: Framing) -> FrameReader:
    """Make the reader for one answer."""
    return _READERS[framing]()
