"""The reader for each framing."""

from __future__ import annotations

from typing import Protocol

from omen.core.frames import Frame, Framing
from omen.wire.ndjson import NDJSONReader
from omen.wire.whole import SSEOrObjectReader


class FrameReader(Protocol):
    """Turns the bytes of one answer into frames, wherever the pieces are cut. No I/O.

    Each answer needs a reader of its own.
    """

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return the frames that they completed.

        **Raises.** `UpstreamFailure` (`PROTOCOL`) for a frame larger than the reader's limit.
        """
        ...

    def end(self) -> list[Frame]:
        """Take the end of the bytes; return the frames that it completes."""
        ...


_READERS: dict[Framing, type[SSEOrObjectReader] | type[NDJSONReader]] = {
    "sse": SSEOrObjectReader,
    "ndjson": NDJSONReader,
}


def make_reader(framing: Framing) -> FrameReader:
    """Return a reader for one answer."""
    return _READERS[framing]()
