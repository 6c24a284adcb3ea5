"""Server-sent events: bytes to frames, incrementally.

It splits the bytes into lines and fields. It does not parse the data. Lines end at LF, CR or CRLF
only; U+2028 and similar characters may occur inside a JSON string.

**Source.** WHATWG HTML, "Server-sent events", section 9.2.6 (read 2026-11-22).
"""

from __future__ import annotations

import re

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame

DEFAULT_LIMIT = 8 * 1024 * 1024
"""The maximum size of one event, in bytes. A single delta may have hundreds of kB (tool arguments,
images)."""

_NOTHING = re.compile(rb"(?::[^\n]*+\n\n|\n)*+")
"""Comments that are events of their own, and blank lines."""
_BOM = b"\xef\xbb\xbf"


class SSEReader:
    """Splits one event stream into events.

    **Shape.** `feed` returns the events that its bytes completed, in order. `id` and `retry` are
    ignored. An event without data is dropped, and so is an event without a blank line after it at
    the end of the stream.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) from `feed`, for an event of more than `limit` bytes.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._partial = bytearray()  # an event whose blank line has not come yet
        self._begun = False
        self._after_cr = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return the frames that they completed."""
        if not self._begun:
            data = self._without_bom(data)
        if self._after_cr or b"\r" in data:
            data = self._with_lf_only(data)
        if not self._partial and data[:1] in (b":", b"\n"):
            data = data[_end_of_nothing(data) :]
        if not self._completes_event(data):
            self._partial += data
            self._check_size(len(self._partial))
            return []
        return self._split(data)

    def end(self) -> list[Frame]:
        """Drop the incomplete event, as the specification requires."""
        self._partial.clear()
        return []

    def _split(self, data: bytes) -> list[Frame]:
        if self._partial:
            data = b"".join((self._partial, data))
        *blocks, rest = data.split(b"\n\n")
        self._partial[:] = rest
        if len(data) > self._limit:
            self._check_size(max(len(rest), *map(len, blocks)))
        # The fast paths: nearly every event of nearly every upstream is one such line, and nearly
        # every read has no others.
        if data.count(b"\n") - rest.count(b"\n") == 2 * len(blocks):  # none is within a block
            frames = [Frame(b[6:]) for b in blocks if len(b) > 6 and b.startswith(b"data: ")]
            if len(frames) == len(blocks):
                return frames
        frames = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                if len(block) > 6:
                    frames.append(Frame(block[6:]))
            elif (frame := _parse_event(block)) is not None:
                frames.append(frame)
        return frames

    def _completes_event(self, data: bytes) -> bool:
        """Return whether the new bytes complete an event.

        Only the new bytes are searched. Searching the whole of a large event for each piece would
        take quadratic time.
        """
        return b"\n\n" in data or (data[:1] == b"\n" and self._partial[-1:] == b"\n")

    def _without_bom(self, data: bytes) -> bytes:
        data = b"".join((self._partial, data))
        self._partial.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._partial += data
            return b""
        self._begun = True
        return data.removeprefix(_BOM)

    def _with_lf_only(self, data: bytes) -> bytes:
        """Return the data with every line end as LF.

        A CR at the end of the data ends its line at once. If the next data begins with LF, the two
        were one CRLF, and the LF is dropped.
        """
        if not data:
            return data
        if self._after_cr:
            data = data.removeprefix(b"\n")
            self._after_cr = False
            if not data:
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise UpstreamFailure(
                FailureKind.PROTOCOL, f"the upstream sent an event of more than {self._limit} bytes"
            )


def _end_of_nothing(data: bytes) -> int:
    """Return where the comments and blank lines end with which the data begin.

    An upstream may send 20,000 in one read; one search is quicker than as many events.
    """
    found = _NOTHING.match(data)
    assert found is not None  # the pattern takes no bytes, too
    return found.end()


def _parse_event(block: bytes) -> Frame | None:
    """Return the frame of one event; None if it has no data. A comment is a field without name."""
    data: list[bytes] = []
    event = b""
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ")
    joined = b"\n".join(data)
    return Frame(joined, event.decode("utf-8", "replace")) if joined else None
